/* BLAKE3 against the program of its authors, and against itself fed in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/random.h"
#include "crypto/blake3.h"

#define INPUT_MAX 70000

static uint8_t input[INPUT_MAX];

static int fill_input(void **state)
{
    (void)state;
    for (size_t i = 0; i < INPUT_MAX; i++)
        input[i] = (uint8_t)(i % 251);
    return 0;
}

static void expect(size_t len, const char *want)
{
    struct msk_digest digest = msk_blake3(MSK_BYTES(input, len));
    char text[MSK_DIGEST_TEXT_SIZE];
    if (strcmp(msk_digest_text(&digest, text), want) != 0)
        fail_msg("%zu bytes: %s, not %s", len, text, want);
}

static void known_digests(void **state)
{
    (void)state;
    expect(0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    expect(1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213");
    expect(2, "7b7015bb92cf0b318037702a6cdd81dee41224f734684c2c122cd6359cb1ee63");
    expect(63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b");
    expect(64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98");
    expect(65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee");
    expect(127, "d81293fda863f008c09e92fc382a81f5a0b4a1251cba1634016a0f86a6bd640d");
    expect(128, "f17e570564b26578c33bb7f44643f539624b05df1a76c81f30acd548c44b45ef");
    expect(129, "683aaae9f3c5ba37eaaf072aed0f9e30bac0865137bae68b1fde4ca2aebdcb12");
    expect(1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11");
    expect(1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7");
    expect(1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444");
    expect(2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a");
    expect(2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030");
    expect(3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2");
    expect(3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3");
    expect(4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969");
    expect(4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995");
    expect(5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833");
    expect(8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63");
    expect(8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b");
    expect(16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4");
    expect(31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47");
    expect(65536, "68d647e619a930e7b1082f74f334b0c65a315725569bdc123f0ee11881717bfe");
    expect(65537, "7c99f9840a73dfcb6e5bfe4ff6d1558acab7e015640790c26411818bdbe17eca");
}

/* Run b3sum over the first `len` bytes of the input. */
static void b3sum(const char *path, size_t len, char out[MSK_DIGEST_TEXT_SIZE])
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(input, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    char command[128];
    snprintf(command, sizeof command, "b3sum --no-names %s", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fread(out, 1, MSK_DIGEST_TEXT_SIZE - 1, pipe), MSK_DIGEST_TEXT_SIZE - 1);
    out[MSK_DIGEST_TEXT_SIZE - 1] = 0;
    assert_int_equal(pclose(pipe), 0);
}

static void random_lengths_as_b3sum(void **state)
{
    (void)state;
    char path[] = "/tmp/mosaik-blake3-XXXXXX", want[MSK_DIGEST_TEXT_SIZE];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct msk_random random;
    msk_random_seed(&random, 1);
    for (int i = 0; i < 20; i++) {
        size_t len = msk_random_below(&random, INPUT_MAX);
        b3sum(path, len, want);
        expect(len, want);
    }
    unlink(path);
}

/* However the input is cut into pieces, and however often the digest is asked for on the way. */
static void pieces_join(void **state)
{
    (void)state;
    struct msk_random random;
    msk_random_seed(&random, 2);
    for (int i = 0; i < 300; i++) {
        size_t len = msk_random_below(&random, 9000), most = 1 + msk_random_below(&random, i % 2 ? 3000 : 70), done = 0;
        struct msk_blake3 hash;
        msk_blake3_init(&hash);
        while (done < len) {
            size_t take = msk_random_below(&random, most + 1);
            take = take < len - done ? take : len - done;
            msk_blake3_update(&hash, MSK_BYTES(input + done, take));
            done += take;
            struct msk_digest so_far = msk_blake3_finish(&hash), whole = msk_blake3(MSK_BYTES(input, done));
            assert_true(msk_digest_equal(&so_far, &whole));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        cmocka_unit_test(random_lengths_as_b3sum),
        cmocka_unit_test(pieces_join),
    };
    return cmocka_run_group_tests(tests, fill_input, NULL);
}
