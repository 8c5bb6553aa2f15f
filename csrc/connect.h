// Connectivity builders as NumPy arrays.
#pragma once

#include <nanobind/nanobind.h>

// Adds the builders to the module.
void bind_connect(nanobind::module_ &m);
