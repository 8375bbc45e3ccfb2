/* Key files: what is read, what is refused and where, and how they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/secret.h"
#include "crypto/identity.h"

#define DIGITS "0123456789abcdefABCDEF00112233445566778899aabbccddeeff0011223344"

static char directory[64], path[128];
static struct msk_error err;

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/cli_secret.XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/key", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static void write_file(const void *data, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

#define WRITE(text) write_file((text), sizeof(text) - 1)

static void expect_reason(int rc, int code, const char *reason)
{
    char want[MSK_ERROR_TEXT_MAX];
    snprintf(want, sizeof want, "%s: %s", path, reason);
    assert_int_equal(rc, code);
    assert_string_equal(err.text, want);
}

static void expect_secret_refused(const char *reason)
{
    uint8_t secret[MSK_SECRET_LEN];
    expect_reason(msk_secret_read(path, secret, &err), MSK_E_INVALID, reason);
}

static void secrets_are_64_hex_digits(void **state)
{
    (void)state;
    uint8_t secret[MSK_SECRET_LEN];
    WRITE(DIGITS);
    assert_int_equal(msk_secret_read(path, secret, &err), 0);
    assert_memory_equal(secret, "\x01\x23\x45\x67\x89\xab\xcd\xef\xAB\xCD\xEF\x00", 12);
    WRITE(DIGITS " \t\r\n\n");
    assert_int_equal(msk_secret_read(path, secret, &err), 0);
    assert_int_equal(secret[31], 0x44);
}

static void damage_is_told_with_its_place(void **state)
{
    (void)state;
    WRITE("");
    expect_secret_refused("empty");
    WRITE(" \n\n");
    expect_secret_refused("empty");
    WRITE("0123");
    expect_secret_refused("4 hex digits where 64 are expected");
    WRITE(DIGITS "0");
    expect_secret_refused("65 hex digits where 64 are expected");
    WRITE("0123x567");
    expect_secret_refused("line 1, column 5: \"x\" is no hex digit");
    WRITE(DIGITS "\n" DIGITS "\n");
    expect_secret_refused("line 1, column 65: \"\\x0a\" is no hex digit");
    WRITE("\n" DIGITS);
    expect_secret_refused("line 1, column 1: \"\\x0a\" is no hex digit");
    WRITE("01\0002");
    expect_secret_refused("line 1, column 3: a zero byte is no hex digit");
    WRITE("\x89PNG");
    expect_secret_refused("line 1, column 1: \"\\x89\" is no hex digit");
    static char big[MSK_KEY_FILE_MAX + 1];
    memset(big, 'a', sizeof big);
    write_file(big, sizeof big);
    expect_secret_refused("larger than 16384 bytes");
}

static void what_cannot_be_read_is_told_as_such(void **state)
{
    (void)state;
    uint8_t secret[MSK_SECRET_LEN];
    expect_reason(msk_secret_read(path, secret, &err), MSK_E_IO, "No such file or directory");
    assert_int_equal(msk_secret_read(directory, secret, &err), MSK_E_IO);
    assert_non_null(strstr(err.text, "Is a directory"));
}

static void group_keys_are_digits_or_texts(void **state)
{
    (void)state;
    struct msk_digest key, want = msk_digest_of_string("secret1");
    WRITE(DIGITS "\n");
    assert_int_equal(msk_group_key_read(path, &key, &err), 0);
    assert_memory_equal(key.bytes, "\x01\x23\x45", 3);
    WRITE("secret1\n");
    assert_int_equal(msk_group_key_read(path, &key, &err), 0);
    assert_true(msk_digest_equal(&key, &want));
    WRITE("0123456789abcdef0123456789abcde"); /* 31 digits: short enough to be meant */
    assert_int_equal(msk_group_key_read(path, &key, &err), 0);
}

static void damaged_group_keys_are_not_taken_for_texts(void **state)
{
    (void)state;
    struct msk_digest key;
    WRITE("0123456789abcdef0123456789abcdef");
    expect_reason(msk_group_key_read(path, &key, &err), MSK_E_INVALID, "32 hex digits where 64 are expected");
    WRITE("0123456789abcdefABCDEF00112233445566778899aabbccddeeff001122334o");
    expect_reason(msk_group_key_read(path, &key, &err), MSK_E_INVALID, "line 1, column 64: \"o\" is no hex digit");
    WRITE("\xff\xfe binary");
    expect_reason(msk_group_key_read(path, &key, &err), MSK_E_INVALID, "neither 64 hex digits nor a text");
    WRITE("a\0b");
    expect_reason(msk_group_key_read(path, &key, &err), MSK_E_INVALID, "neither 64 hex digits nor a text");
}

static void expect_content(const char *want)
{
    char content[32] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(content, 1, sizeof content - 1, file);
    fclose(file);
    assert_int_equal(len, strlen(want));
    assert_string_equal(content, want);
}

static void written_files_are_private_and_kept(void **state)
{
    (void)state;
    struct stat status;
    mode_t old = umask(0);
    assert_int_equal(msk_secret_write(path, MSK_BYTES("one", 3), false, &err), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);

    expect_reason(msk_secret_write(path, MSK_BYTES("two", 3), false, &err), MSK_E_EXISTS,
                  "exists already\n--force overwrites it");
    expect_content("one");

    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(msk_secret_write(path, MSK_BYTES("three", 5), true, &err), 0);
    expect_content("three");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    umask(old);
}

static void only_regular_files_are_replaced(void **state)
{
    (void)state;
    assert_int_equal(msk_secret_write(directory, MSK_BYTES("x", 1), true, &err), MSK_E_REFUSED);
    assert_int_equal(msk_secret_write("/dev/null", MSK_BYTES("x", 1), true, &err), MSK_E_REFUSED);
    assert_string_equal(err.text, "/dev/null: not a regular file");
    char absent[192];
    snprintf(absent, sizeof absent, "%s/no/such/key", directory);
    assert_int_equal(msk_secret_write(absent, MSK_BYTES("x", 1), true, &err), MSK_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(secrets_are_64_hex_digits, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(damage_is_told_with_its_place, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told_as_such, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(group_keys_are_digits_or_texts, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(damaged_group_keys_are_not_taken_for_texts, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(written_files_are_private_and_kept, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(only_regular_files_are_replaced, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
