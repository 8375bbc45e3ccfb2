#include "cli/schema_file.h"

#include "cli/input.h"

int msk_schema_read(const char *path, struct msk_schema **out, struct msk_error *err)
{
    json_t *json = NULL;
    int rc = msk_input_read_json(path, MSK_SCHEMA_FILE_MAX, &json, err);
    if (rc)
        return rc;
    rc = msk_schema_new(json, out, err);
    json_decref(json);
    return rc ? msk_wrap(err, rc, "%s", msk_input_name(path)) : 0;
}
