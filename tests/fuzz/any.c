/* Everything that reads what strangers send: `make fuzz`. */
#include "properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    property_any(MSK_BYTES(data, size));
    return 0;
}
