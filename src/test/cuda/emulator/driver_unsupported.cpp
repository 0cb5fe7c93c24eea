// Functions that JCuda's native library needs to be loaded and that the emulator doesn't have: they
// return CUDA_ERROR_NOT_SUPPORTED. Weak, so that those it has take their place.
#define SYMBOL(name)                                                             \
    extern "C" __attribute__((weak, visibility("default"))) int name() { return 801; }

#include "driver_symbols.inc"
