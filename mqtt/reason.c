#include "mqtt/reason.h"

#include <stddef.h>

#include <MQTTAsync.h>

#include "agent/base/macros.h"

static const char *const connack_3_1_1[] = {
    [1] = "protocol version not accepted", [2] = "client id refused", [3] = "server not available",
    [4] = "bad user name or password",     [5] = "not authorized",
};

const char *reason_text(int code)
{
    const char *text = NULL;

    if (code == 0)
        text = "no reason given";
    else if (code >= REASON_FAILURE)
        text = MQTTReasonCode_toString((enum MQTTReasonCodes)code);
    else if (code > 0 && (size_t)code < ARRAY_LEN(connack_3_1_1))
        text = connack_3_1_1[code];
    else if (code < 0)
        text = MQTTAsync_strerror(code);
    return text ? text : "unknown reason";
}

bool reason_is_answer(int code)
{
    return code >= REASON_FAILURE || (code > 0 && (size_t)code < ARRAY_LEN(connack_3_1_1));
}

enum reason_verdict reason_verdict(int code)
{
    switch (code) {
    case 1:
    case MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION:
        return REASON_OLDER;
    case 2:
    case 4:
    case 5:
    case MQTTREASONCODE_CLIENT_IDENTIFIER_NOT_VALID:
    case MQTTREASONCODE_BAD_USER_NAME_OR_PASSWORD:
    case MQTTREASONCODE_NOT_AUTHORIZED:
    case MQTTREASONCODE_BANNED:
    case MQTTREASONCODE_BAD_AUTHENTICATION_METHOD:
    case MQTTREASONCODE_TOPIC_FILTER_INVALID:
    case MQTTREASONCODE_SERVER_MOVED:
    case MQTTREASONCODE_WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED:
        return REASON_REFUSED;
    default:
        return REASON_TROUBLE;
    }
}
