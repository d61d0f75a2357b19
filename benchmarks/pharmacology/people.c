/* Three compartments and an effect site for deSolve's compiled interface: parameters k10 k12 k21 k13 k31 ke0 V rate. */
#include <R.h>
static double p[8];
void initmod(void (*odeparms)(int *, double *)) { int n = 8; odeparms(&n, p); }
void derivs(int *neq, double *t, double *y, double *ydot, double *out, int *ip) {
    double in = *t < 40.0 ? p[7] : 0.0;
    ydot[0] = in - (p[0] + p[1] + p[3]) * y[0] + p[2] * y[1] + p[4] * y[2];
    ydot[1] = p[1] * y[0] - p[2] * y[1];
    ydot[2] = p[3] * y[0] - p[4] * y[2];
    ydot[3] = p[5] * (y[0] / p[6] - y[3]);
}
