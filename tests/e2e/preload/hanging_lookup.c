#include <netdb.h>
#include <unistd.h>

/* Preloaded into the agent by test_stop.py: a resolver without a network, which takes far longer
 * than the agent may take to stop. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **res)
{
    (void)node;
    (void)service;
    (void)hints;
    (void)res;
    static const char told[] = "a name look-up hangs\n";
    ssize_t n = write(STDERR_FILENO, told, sizeof told - 1);

    (void)n;
    sleep(120);
    return EAI_AGAIN;
}
