"""XLA's flags with which programs compile fast: its optimiser is half of the time of tests that look at results only.

As a script it prints them, for `XLA_FLAGS`.
"""

import jaxlib.version

FLAGS = "--xla_backend_optimization_level=0"
if jaxlib.version.__version_info__ < (0, 12):  # newer ones do not know it
    FLAGS += " --xla_cpu_use_fusion_emitters=false"

if __name__ == "__main__":
    print(FLAGS)
