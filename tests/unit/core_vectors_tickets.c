/* How the reference combines ticket validators: the golden vectors of op "validate-tickets" in peer_entries.
 *
 * The vectors' validators are of classes A, B, C and accept or refuse by decree. Here a class is an issuer, and a
 * ticket that is to be refused is signed with another key. */
#include "vectors.h"

#include "core/tickets.h"
#include "crypto/identity.h"

#define VALIDATORS_MAX 4
#define TICKETS_MAX    4

static const struct msk_digest peer = {{1}};

static struct msk_jwt_secret key_of(uint8_t byte)
{
    struct msk_jwt_secret key = {.alg = msk_jwt_alg_find(msk_bytes_of_text("HS256"))};
    memset(key.material, byte, key.alg->secret_len);
    return key;
}

/* The validator of a class, as the case describes it; NULL: the case has none. */
static const json_t *validator_for(struct vector *vector, const char *class_name)
{
    size_t i;
    json_t *words;
    json_array_foreach(member(vector, vector->input, "validators"), i,
                       words) if (strcmp(text_member(vector, words, "class"), class_name) == 0) return words;
    return NULL;
}

static struct msk_ticket_entry ticket_of(struct vector *vector, const char *class_name, uint8_t number)
{
    char subject[MSK_DIGEST_TEXT_SIZE];
    const json_t *words = validator_for(vector, class_name), *until = json_object_get(words, "accepts_until");
    struct msk_jwt_secret key = key_of(json_object_get(words, "refuses") ? 2 : 1);
    struct msk_jwt_claims claims = {.issuer = class_name,
                                    .subject = msk_digest_text(&peer, subject),
                                    .has_expires = until != NULL,
                                    .expires_s = (uint64_t)json_integer_value(until),
                                    .has_issued_at = true,
                                    .issued_at_s = number}; /* no two tickets alike */
    struct msk_builder token;
    msk_builder_init(&token, MSK_JWT_TOKEN_MAX);
    assert_int_equal(msk_jwt_mint(&key, &claims, &token, NULL), 0);
    struct msk_ticket_entry entry = {.ticket = {.class_id = msk_jwt_class()}};
    entry.ticket.data = MSK_BYTES(msk_arena_copy(&vector->scratch, token.data, token.len), token.len);
    entry.id = msk_ticket_id(&entry.ticket.class_id, entry.ticket.data);
    msk_builder_free(&token);
    return entry;
}

static struct msk_validator validator_of(const char *class_name)
{
    char text[300];
    struct msk_validator validator;
    snprintf(text, sizeof text,
             "{\"allow_non_expiring\":true,\"issuers\":[\"%s\"],\"keys\":[{\"alg\":\"HS256\",\"key\":"
             "\"0101010101010101010101010101010101010101010101010101010101010101\"}]}",
             class_name);
    assert_int_equal(msk_validator_parse(msk_bytes_of_text(text), &validator, NULL), 0);
    return validator;
}

static void result_text(const struct msk_ticket_verdict *verdict, size_t validators, char out[64])
{
    if (!verdict->valid)
        snprintf(out, 64, "rejected");
    else if (validators == 0 && verdict->expires_ms == MSK_TICKET_NEVER)
        snprintf(out, 64, "accepted without expiry check");
    else
        snprintf(out, 64, "accepted until %lld", (long long)(verdict->expires_ms / 1000));
}

static void validate_tickets(struct vector *vector)
{
    const json_t *classes = member(vector, vector->input, "tickets_of_classes");
    const json_t *words = member(vector, vector->input, "validators");
    struct msk_ticket_entry tickets[TICKETS_MAX];
    struct msk_peer_entry entry = {.address = {.peer_id = peer}, .tickets = {tickets, json_array_size(classes)}};
    struct msk_validator validators[VALIDATORS_MAX];
    const struct msk_validator *order[VALIDATORS_MAX];
    struct msk_ticket_verdict verdict;
    size_t count = json_array_size(words);
    char result[64];
    assert_true(count <= VALIDATORS_MAX && entry.tickets.count <= TICKETS_MAX);
    for (size_t i = 0; i < entry.tickets.count; i++)
        tickets[i] = ticket_of(vector, json_string_value(json_array_get(classes, i)), (uint8_t)i);
    for (size_t i = 0; i < count; i++) {
        validators[i] = validator_of(text_member(vector, json_array_get(words, i), "class"));
        order[i] = &validators[i];
    }
    assert_int_equal(msk_tickets_check(order, count, &entry, 0, NULL, &verdict), 0);
    result_text(&verdict, count, result);
    expect_text(vector, "result", result);
    for (size_t i = 0; i < count; i++)
        msk_validator_free(&validators[i]);
}

static void combined_validators(void **state)
{
    (void)state;
    vectors_run("peer_entries", (struct vector_op[]){{"validate-tickets", validate_tickets},
                                                     {"", vector_tested_elsewhere},
                                                     {"decode", vector_tested_elsewhere},
                                                     {"newer", vector_tested_elsewhere},
                                                     {0}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(combined_validators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
