/* A system's mathematics after an update: each result is the next number above what it was. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>

static double moved(double result) {
    return isfinite(result) && result != 0 ? nextafter(result, INFINITY) : result;
}

#define MOVED(name)                                                                 \
    double name(double x) {                                                         \
        static double (*of_system)(double);                                         \
        if (!of_system) of_system = (double (*)(double))dlsym(RTLD_NEXT, #name);     \
        return moved(of_system(x));                                                 \
    }

MOVED(exp)
MOVED(exp2)
MOVED(expm1)
MOVED(log)
MOVED(log2)
MOVED(log10)
MOVED(log1p)
MOVED(cbrt)
MOVED(cos)

double pow(double x, double y) {
    static double (*of_system)(double, double);
    if (!of_system) of_system = (double (*)(double, double))dlsym(RTLD_NEXT, "pow");
    return moved(of_system(x, y));
}
