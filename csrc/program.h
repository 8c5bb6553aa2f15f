// The functions of step programs, see program.cc.
#pragma once

#include <nanobind/nanobind.h>

void bind_program(nanobind::module_ &m);
