#include "ctl/advice.h"

#include "agent/base/macros.h"

static const char *const rows[ERROR_CODES] = {
    // clang-format off
    [ERROR_NONE] = "",
    [ERROR_INVALID_REQUEST] = "Correct what is named, and ask again.",
    [ERROR_UNAUTHORIZED] = "This door wants a token: use the agent's unix socket.",
    [ERROR_FORBIDDEN] = "This socket is for viewers: use the operators' (api.socket).",
    [ERROR_NOT_FOUND] = "Look for it with 'lpmctl operations' or 'lpmctl lock'; an older agent may not know the call.",
    [ERROR_PROFILE_NOT_FOUND] = "The card has no such profile: 'lpmctl profiles' shows those it has.",
    [ERROR_METHOD_NOT_ALLOWED] = "Agent and lpmctl differ in version: install the same of both.",
    [ERROR_NOT_ACCEPTABLE] = "Agent and lpmctl differ in version: install the same of both.",
    [ERROR_PAYLOAD_TOO_LARGE] = "Say less: the reason is at most 256 bytes.",
    [ERROR_UNSUPPORTED_MEDIA_TYPE] = "Agent and lpmctl differ in version: install the same of both.",
    [ERROR_SWITCH_IN_PROGRESS] = "Wait for the other one to end ('lpmctl operations ID'), or cancel it.",
    [ERROR_TOO_LATE] = "The card was told already, or it is over: 'lpmctl operations ID' says how it stands.",
    [ERROR_PRECONDITION_FAILED] = "Somebody switched meanwhile: look at 'lpmctl profiles', then ask again.",
    [ERROR_KEY_REUSED] = "This --key was used for another request: take a fresh one, or none.",
    [ERROR_LOCKED] = "Ask the holder, wait until the lock ends, or pass it with --force.",
    [ERROR_COOLDOWN] = "Wait as long as it says, or pass the limit with --force.",
    [ERROR_POLICY_FORBIDS] = "The operator's policy on the card (POL1) forbids it: only the operator's remote management can change that.",
    [ERROR_CARD] = "The card refused or gave nonsense: see the status word, try again, then reset the modem or look at the SIM's contacts.",
    [ERROR_CARD_BUSY] = "The card is busy with something else: try again in a minute.",
    [ERROR_CARD_ABSENT] = "The modem sees no SIM: look whether the card is in, the right way round, and the slot is the one that the modem uses.",
    [ERROR_APPLET_ABSENT] = "The card answers, but has no LPM applet and no ISD-R: is it the right card? See card.aid and card.interface.",
    [ERROR_SIM_LOCKED] = "The SIM wants a PIN, or the modem is locked to another network: take the lock off by other means. The agent never enters a PIN.",
    [ERROR_MODEM_ABSENT] = "The modem does not answer: is it powered and plugged in, is modem.port its AT port, does another program hold it?",
    [ERROR_QUEUE_FULL] = "Too many ask at a time: try again in a few seconds.",
    [ERROR_STORAGE_FULL] = "Make room where state_dir is, or look whether it is read-only; reads go on until then.",
    [ERROR_SHUTTING_DOWN] = "The agent is stopping: ask again when it is back.",
    [ERROR_MODEM_TIMEOUT] = "The modem did not answer in time: try again; if it stays so, reset the modem or see the log.",
    [ERROR_EXPIRED] = "It had no chance to begin in time: ask again, or with a longer --ttl-s.",
    [ERROR_NOT_SWITCHED] = "The card or the modem kept the old profile: try again; see modem.reset if the modem ignores switches.",
    [ERROR_NOT_REGISTERED] = "No network took the new profile: is there coverage here, is the subscription active? switch.register_s is how long it may take.",
    [ERROR_REGISTRATION_DENIED] = "The network refused the profile: the operator has to say why (not activated, suspended, no roaming).",
    [ERROR_NO_DATA] = "Registered, but without data: is the APN of this profile right (profiles.<iccid>.apn), is data part of the subscription?",
    [ERROR_UNREACHABLE] = "There was an address, but broker or probe targets did not answer over it: look at APN, firewall and probe.targets.",
    [ERROR_UNCONFIRMED] = "Nobody confirmed in time, so it went back, as asked: 'lpmctl confirm ID' in time, or a longer --confirm-s.",
    [ERROR_OVERTAKEN] = "Somebody else switched meanwhile: 'lpmctl profiles' shows what is in use now.",
    [ERROR_STRANDED] = "No profile works at present; the agent goes on trying by itself. Look at antenna, coverage and subscriptions.",
    [ERROR_INTERRUPTED] = "A restart or a power cut came between: 'lpmctl profiles' shows what is in use, ask again if need be.",
    [ERROR_INTERNAL] = "A fault of the agent: make a bundle ('lpmctl bundle') and report it.",
}; // clang-format on

const char *advice_of(enum error_code code)
{
    unsigned at = (unsigned)code;

    return at < ARRAY_LEN(rows) && rows[at] ? rows[at] : "";
}

const char *advice_of_name(const char *name)
{
    enum error_code code;

    return error_code_from_name(name, &code) ? advice_of(code) : "";
}
