# Writes a C file that holds a file's bytes and the ETag of them, for assets.h:
#   cmake -D IN=page.css -D NAME=page_css -D OUT=page_css.c -P embed.cmake
file(READ "${IN}" bytes HEX)
file(SHA256 "${IN}" digest)
string(LENGTH "${bytes}" digits)
math(EXPR len "${digits} / 2")
string(SUBSTRING "${digest}" 0 32 digest)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)"
                     "\\1\n" bytes "${bytes}")
file(
    WRITE "${OUT}"
    "#include \"api/assets.h\"\n\nstatic const unsigned char bytes[] = {\n${bytes}\n};\n\n"
    "const struct asset asset_${NAME} = { bytes, ${len}, \"\\\"${digest}\\\"\" };\n")
