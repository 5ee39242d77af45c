#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The forms that texts of the configuration have. Questions about text, and nothing else. */

enum { CONFIG_HOST_MAX = 255, CONFIG_SOCKET_PATH_MAX = 107 };

/* 1 to 4095 bytes, printable. */
bool config_is_path(const char *text);
/* As long as sockaddr_un holds (unix(7)). */
bool config_is_socket_path(const char *text);
/* "auto" or an absolute path. */
bool config_is_port(const char *text);
bool config_is_device_id(const char *text);
/* 1 to 128, or 1 to 255, printable characters' bytes. */
bool config_is_short_text(const char *text);
bool config_is_text(const char *text);
/* A group's or a network interface's name. */
bool config_is_group(const char *text);
bool config_is_interface(const char *text);
/* Of letters, digits, '.', '-', '_', and '[' ':' ']' of an IPv6 address. */
bool config_is_host(const char *text);
/* A topic's beginning: no wildcards, no empty level, no '$' in front. */
bool config_is_topic_prefix(const char *text);
/* One command line: "AT" and printable ASCII. */
bool config_is_at_command(const char *text);
/* What may stand between the quotes of an AT command. */
bool config_is_at_text(const char *text);
bool config_is_apn(const char *text);
bool config_is_pdp_type(const char *text);
bool config_is_technology(const char *text);
/* "03:00"; "02:00-05:00", not empty. */
bool config_is_time(const char *text);
bool config_is_window(const char *text);
/* mqtt:// or mqtts://, a host, perhaps a port; no user, no path. */
bool config_is_uri(const char *text);

/* "192.0.2.1:443", "[2001:db8::1]:443": the IP address without brackets, and the port. False, and
 * nothing set: it is not that. */
bool config_split_address(const char *text, char ret_host[CONFIG_HOST_MAX + 1], int *ret_port);
bool config_is_address(const char *text);
/* The host of a text that config_is_uri(). */
void config_uri_host(const char *uri, char ret_host[CONFIG_HOST_MAX + 1]);
/* 127.0.0.0/8, ::1, localhost. */
bool config_is_loopback(const char *host);
