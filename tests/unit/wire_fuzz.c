/* The fuzzer's properties on mutations of the golden vectors, from a fixed seed: a smoke test that needs no fuzzer. */
#include "vectors.h"

#include "../fuzz/properties.h"
#include "base/random.h"

#define ROUNDS    60000
#define SEEDS_MAX 2000
#define INPUT_MAX 2048

struct seed {
    const struct msk_type *type; /* NULL: any */
    struct msk_bytes bytes;
};

static struct seed seeds[SEEDS_MAX];
static size_t seed_count;
static struct msk_arena arena;

static void add_seed(const struct msk_type *type, const json_t *hex)
{
    size_t len = json_string_length(hex) / 2;
    if (!hex || len > INPUT_MAX / 2)
        return;
    uint8_t *bytes = msk_arena_alloc(&arena, len + 1, 1);
    assert_true(seed_count < SEEDS_MAX);
    assert_int_equal(msk_hex_decode(json_string_value(hex), 2 * len, bytes, len, NULL), 0);
    seeds[seed_count++] = (struct seed){type, MSK_BYTES(bytes, len)};
}

static const struct {
    const char *file;
    const struct msk_type *type;
} files[] = {
    {"announce", &msk_type_announcement},
    {"bonds", &msk_type_bond_message},
    {"catalog", &msk_type_catalog_snapshot},
    {"foreign_types", NULL},
    {"frames", NULL},
    {"gossip", &msk_type_gossip_message},
    {"handshakes", &msk_type_handshake_start},
    {"jwt_tickets", NULL},
    {"peer_entries", &msk_type_peer_entry},
    {"raft", &msk_type_raft_message},
    {"streams_functions", NULL},
};

static int load_seeds(void **state)
{
    (void)state;
    msk_arena_init(&arena, 16 << 20);
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        json_t *root = vectors_load(files[f].file), *item;
        size_t i;
        json_array_foreach(json_object_get(root, "cases"), i, item)
        {
            add_seed(files[f].type, json_object_get(item, "hex"));
            add_seed(files[f].type, json_object_get(json_object_get(item, "input"), "bytes"));
        }
        json_decref(root);
    }
    return 0;
}

static int free_seeds(void **state)
{
    (void)state;
    msk_arena_free(&arena);
    return 0;
}

static size_t insert(uint8_t *input, size_t len, size_t at, uint8_t byte)
{
    if (len == INPUT_MAX)
        return len;
    memmove(input + at + 1, input + at, len - at);
    input[at] = byte;
    return len + 1;
}

/* One change at a random place. */
static size_t mutate(struct msk_random *random, uint8_t *input, size_t len)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x02, '.', '/', '%', '"'};
    size_t at = msk_random_below(random, len);
    uint8_t byte = telling[msk_random_below(random, sizeof telling)];
    switch (len == 0 ? 3 : msk_random_below(random, 6)) {
    case 0:
        input[at] ^= (uint8_t)(1 << msk_random_below(random, 8));
        return len;
    case 1:
        input[at] = byte;
        return len;
    case 2:
        return at; /* cut short */
    case 3:
        return insert(input, len, at, byte);
    case 4:
        memmove(input + at, input + at + 1, len - at - 1);
        return len - 1;
    }
    memmove(input + at, input + msk_random_below(random, at + 1), len - at); /* repeat an earlier part */
    return len;
}

static void mutated_vectors_break_nothing(void **state)
{
    (void)state;
    struct msk_random random;
    static uint8_t input[INPUT_MAX + 1];
    msk_random_seed(&random, 20260101);
    for (int round = 0; round < ROUNDS; round++) {
        const struct seed *seed = &seeds[msk_random_below(&random, seed_count)];
        size_t len = seed->bytes.len;
        memcpy(input + 1, seed->bytes.data, len);
        for (uint64_t changes = msk_random_below(&random, 4); changes > 0; changes--)
            len = mutate(&random, input + 1, len);
        if (seed->type)
            property_decode(seed->type, MSK_BYTES(input + 1, len));
        input[0] = (uint8_t)msk_random_next(&random);
        property_any(MSK_BYTES(input, len + 1));
    }
    printf("%zu seeds, %d mutations\n", seed_count, ROUNDS);
}

/* Schemas that between them say everything there is to say, and where their commands begin. */
static const char *const schemas[] = {
    "{\"types\":{\"T\":{\"enum\":[\"A\",{\"B\":{\"seq\":\"T\"}},{\"C\":{\"option\":\"T\"}}]}},\"command\":\"T\"}",
    "{\"command\":{\"struct\":[{\"a\":\"u64\"},{\"b\":{\"map\":[\"string\",\"f32\"]}},{\"c\":{\"set\":\"i8\"}}]}}",
    "{\"command\":{\"tuple\":[\"char\",{\"array\":[\"u16\",3]},{\"encoded\":\"bytes\"},\"bool\",\"timestamp\"]}}",
    "{\"types\":{\"L\":{\"struct\":[{\"v\":\"i128\"},{\"n\":{\"option\":\"L\"}}]}},\"command\":{\"seq\":\"L\"}}",
    "{\"command\":{\"seq\":{\"array\":[{\"seq\":\"unit\"},9]}},\"query\":\"ip\",\"result\":{\"option\":{\"option\":"
    "\"f64\"}}}",
};

#define SCHEMA_COUNT  (sizeof schemas / sizeof schemas[0])
#define SCHEMA_ROUNDS 20000

static void mutated_schemas_break_nothing(void **state)
{
    (void)state;
    struct msk_random random;
    static uint8_t input[INPUT_MAX];
    msk_random_seed(&random, 20260102);
    for (int round = 0; round < SCHEMA_ROUNDS; round++) {
        const char *schema = schemas[msk_random_below(&random, SCHEMA_COUNT)];
        size_t len = strlen(schema);
        memcpy(input, schema, len);
        for (uint64_t changes = msk_random_below(&random, 3); changes > 0; changes--)
            len = mutate(&random, input, len);
        input[len++] = 0;
        for (uint64_t bytes = msk_random_below(&random, 60); bytes > 0; bytes--)
            input[len++] = (uint8_t)msk_random_below(&random, msk_random_below(&random, 2) ? 4 : 256);
        property_schema(MSK_BYTES(input, len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutated_vectors_break_nothing),
        cmocka_unit_test(mutated_schemas_break_nothing),
    };
    return cmocka_run_group_tests(tests, load_seeds, free_seeds);
}
