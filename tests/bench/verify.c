/* How many tickets a second a validator checks: `verify VALIDATOR PEERID TICKET`. One JSON line, like `mosaik-peer
 * ticket bench`, which it is compared with. */
#include <stdio.h>
#include <time.h>

#include "crypto/identity.h"
#include "crypto/jwt.h"

#define VALIDATOR_MAX (64u << 10)
#define MEASURED_S    1.0

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int read_validator(const char *path, struct msk_jwt_validator *out)
{
    static char text[VALIDATOR_MAX];
    struct msk_error err;
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(text, 1, sizeof text, file) : 0;
    if (file)
        fclose(file);
    int rc = msk_jwt_validator_parse(MSK_BYTES(text, len), out, &err);
    if (rc < 0)
        fprintf(stderr, "verify: %s: %s\n", path, err.text);
    return rc;
}

int main(int argc, char **argv)
{
    struct msk_jwt_validator validator;
    struct msk_jwt_verdict verdict = {.valid = true};
    struct msk_digest peer;
    if (argc != 4 || read_validator(argv[1], &validator) < 0 ||
        msk_digest_parse(msk_bytes_of_text(argv[2]), &peer, NULL) < 0)
        return 2;
    int64_t now_ms = (int64_t)(seconds(CLOCK_REALTIME) * 1000);
    double started = seconds(CLOCK_MONOTONIC), taken = 0;
    unsigned long count = 0;
    for (; verdict.valid && taken < MEASURED_S; taken = seconds(CLOCK_MONOTONIC) - started, count++)
        if (msk_jwt_verify(&validator, msk_bytes_of_text(argv[3]), &peer, now_ms, &verdict) < 0)
            return 1;
    printf("{\"valid\":%s,\"per_second\":%.0f}\n", verdict.valid ? "true" : "false", (double)count / taken);
    msk_jwt_validator_free(&validator);
    return verdict.valid ? 0 : 1;
}
