from typing import Any

import numpy as np
import numpy.typing as npt

def version() -> str: ...
def simd_level() -> str: ...
def cuda_targets() -> str: ...
def registrations(cuda: bool = False) -> dict[str, Any]: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def program(text: str) -> int: ...
def sequence(text: str) -> int: ...
def program_stats(hash: int) -> dict[str, Any]: ...
def program_ptx(hash: int, operands: str = "", sums: str = "") -> str: ...
def program_scratch(hash: int, batch: int, n: int) -> int: ...
def jit_level() -> str: ...

class Draw:
    def __init__(
        self, family: int, a: float, b: float, part: tuple[float, float], bounds: tuple[float, float]
    ) -> None: ...

class Spec:
    rule: str
    seed: int
    n_pre: int
    n_post: int
    targets: tuple[int, int]
    num: int
    prob: float
    multapses: bool
    own: npt.NDArray[np.uint32]
    wide: bool
    profile: str
    scale: float
    cutoff: float
    source: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]
    period: tuple[float, float, float]
    weight: Draw
    delay: Draw

def build(
    spec: Spec,
) -> tuple[
    npt.NDArray[np.uint16 | np.uint32],
    npt.NDArray[np.int32 | np.int64],
    npt.NDArray[np.float32 | np.float64] | None,
    npt.NDArray[np.uint8 | np.uint16] | None,
]: ...
def order(
    sources: npt.NDArray[np.uint32], targets: npt.NDArray[np.uint32], delay: npt.NDArray[np.uint16], n_pre: int
) -> tuple[npt.NDArray[np.int32 | np.int64], npt.NDArray[np.int64]]: ...
