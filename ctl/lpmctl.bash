# Completion of lpmctl for bash: commands, options, and what the agent knows (ICCIDs, labels, operations).
# Installed as lpmctl in /usr/share/bash-completion/completions/, or sourced.

# The values of a field in one line of JSON, without any other program.
_lpmctl_values() { # field, document
    local rest=$2 value
    while [[ $rest == *"\"$1\":\""* ]]; do
        rest=${rest#*"\"$1\":\""}
        value=${rest%%\"*}
        [[ $value =~ ^[A-Za-z0-9._-]+$ ]] && printf '%s\n' "$value"
    done
}

# Asks the agent, in the place that the line names already; quietly and not for long.
_lpmctl_ask() {
    local i value words=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --socket | --config | -c)
            value=${COMP_WORDS[i + 1]}
            [ "$value" != = ] || value=${COMP_WORDS[i + 2]} # of '--socket=PATH' bash makes three words
            words+=("${COMP_WORDS[i]}" "$value")
            ;;
        esac
    done
    "${COMP_WORDS[0]}" "$@" --json --timeout 3 "${words[@]}" 2>/dev/null
}

_lpmctl_command() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --socket | --config | -c | --timeout | --reason | --confirm-s | --ttl-s | --key | --state | --limit | \
            --before | --since | --holder | --log)
            i=$((i + 1))
            [ "${COMP_WORDS[i]}" != = ] || i=$((i + 1))
            ;;
        -*) ;;
        *)
            printf '%s' "${COMP_WORDS[i]}"
            return
            ;;
        esac
    done
}

_lpmctl_options() { # command
    local general='--socket --config --json --timeout --help'
    case $1 in
    '') printf '%s' "$general --version" ;;
    enable) printf '%s' "$general --wait --reason --force --confirm-s --ttl-s --key" ;;
    operations) printf '%s' "$general --state --limit --before" ;;
    connectivity) printf '%s' "$general --since" ;;
    lock) printf '%s' "$general --holder --ttl-s --reason" ;;
    unlock) printf '%s' "$general --holder --force" ;;
    bundle) printf '%s' "$general --log" ;;
    *) printf '%s' "$general" ;;
    esac
}

_lpmctl_words() { # command, word before, word
    local commands='eid profiles enable plan operations cancel confirm watch connectivity lock unlock info doctor bundle'
    local answer
    case $2 in
    --before)
        _lpmctl_values id "$(_lpmctl_ask operations)"
        return
        ;;
    --state)
        printf '%s\n' accepted running succeeded failed rejected canceled expired
        return
        ;;
    --holder)
        _lpmctl_values holder "$(_lpmctl_ask lock)"
        return
        ;;
    --timeout | --reason | --confirm-s | --ttl-s | --key | --limit | --since) return ;;
    esac
    if [[ $3 == -* ]]; then
        _lpmctl_options "$1"
        return
    fi
    case $1 in
    '') printf '%s' "$commands" ;;
    enable | plan)
        answer=$(_lpmctl_ask profiles)
        _lpmctl_values iccid "$answer"
        _lpmctl_values label "$answer"
        ;;
    operations | cancel | confirm) _lpmctl_values id "$(_lpmctl_ask operations)" ;;
    esac
}

# As bash completes files elsewhere: a folder's slash, and quotes where a name needs them.
_lpmctl_files() { # word
    compopt -o filenames 2>/dev/null # only while bash completes
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_lpmctl() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command
    # Of '--socket=PATH' bash makes three words, of '--socket=' two.
    if [ "$word" = = ]; then
        word=
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    command=$(_lpmctl_command)
    COMPREPLY=()
    case $before:$command in
    --socket:* | --config:* | -c:* | --log:*)
        _lpmctl_files "$word"
        return
        ;;
    *:bundle)
        [[ $word == -* ]] || { _lpmctl_files "$word" && return; }
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$(_lpmctl_words "$command" "$before" "$word")" -- "$word")
}

complete -F _lpmctl lpmctl
