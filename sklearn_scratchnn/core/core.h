/* A placeholder, as core.c. */
#ifndef SCRATCHNN_CORE_H
#define SCRATCHNN_CORE_H

double scratchnn_twice(double x);

#endif
