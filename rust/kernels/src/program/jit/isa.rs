//! The vector instructions that are used, for each width and float.

use iced_x86::{Code, Register};

use crate::program::Level;

/// A width of vectors and a float.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    /// With 64-byte vectors and mask registers; else with 32-byte vectors.
    pub(super) wide: bool,
    pub(super) double: bool,
}

impl Target {
    /// None for the interpreter.
    pub(super) fn new(level: Level, double: bool) -> Option<Self> {
        match level {
            Level::Interpreter => None,
            Level::Avx2 => Some(Self { wide: false, double }),
            Level::Avx512 => Some(Self { wide: true, double }),
        }
    }

    /// The instruction of this target.
    pub(super) fn code(self, codes: Codes) -> Code {
        codes[usize::from(!self.wide) * 2 + usize::from(self.double)]
    }

    /// Bytes of a vector.
    pub(super) fn vector(self) -> usize {
        if self.wide { 64 } else { 32 }
    }

    /// Bytes of a float.
    pub(super) fn float(self) -> usize {
        if self.double { 8 } else { 4 }
    }

    /// Number of vector registers.
    pub(super) fn registers(self) -> usize {
        if self.wide { 32 } else { 16 }
    }

    /// A vector register.
    pub(super) fn vector_register(self, k: u8) -> Register {
        (if self.wide { Register::ZMM0 } else { Register::YMM0 }) + u32::from(k)
    }
}

/// An instruction for: wide f32, wide f64, narrow f32, narrow f64.
pub(super) type Codes = [Code; 4];

macro_rules! codes {
    ($($name:ident: $a:ident $b:ident $c:ident $d:ident;)*) => {
        $(pub(super) const $name: Codes = [Code::$a, Code::$b, Code::$c, Code::$d];)*
    };
}

codes! {
    ADD: EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vaddpd_zmm_k1z_zmm_zmmm512b64_er
         VEX_Vaddps_ymm_ymm_ymmm256 VEX_Vaddpd_ymm_ymm_ymmm256;
    SUB: EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vsubpd_zmm_k1z_zmm_zmmm512b64_er
         VEX_Vsubps_ymm_ymm_ymmm256 VEX_Vsubpd_ymm_ymm_ymmm256;
    MUL: EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vmulpd_zmm_k1z_zmm_zmmm512b64_er
         VEX_Vmulps_ymm_ymm_ymmm256 VEX_Vmulpd_ymm_ymm_ymmm256;
    DIV: EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vdivpd_zmm_k1z_zmm_zmmm512b64_er
         VEX_Vdivps_ymm_ymm_ymmm256 VEX_Vdivpd_ymm_ymm_ymmm256;
    MIN: EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae EVEX_Vminpd_zmm_k1z_zmm_zmmm512b64_sae
         VEX_Vminps_ymm_ymm_ymmm256 VEX_Vminpd_ymm_ymm_ymmm256;
    MAX: EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae EVEX_Vmaxpd_zmm_k1z_zmm_zmmm512b64_sae
         VEX_Vmaxps_ymm_ymm_ymmm256 VEX_Vmaxpd_ymm_ymm_ymmm256;
    AND: EVEX_Vandps_zmm_k1z_zmm_zmmm512b32 EVEX_Vandpd_zmm_k1z_zmm_zmmm512b64
         VEX_Vandps_ymm_ymm_ymmm256 VEX_Vandpd_ymm_ymm_ymmm256;
    // !a & b
    AND_NOT: EVEX_Vandnps_zmm_k1z_zmm_zmmm512b32 EVEX_Vandnpd_zmm_k1z_zmm_zmmm512b64
         VEX_Vandnps_ymm_ymm_ymmm256 VEX_Vandnpd_ymm_ymm_ymmm256;
    OR: EVEX_Vorps_zmm_k1z_zmm_zmmm512b32 EVEX_Vorpd_zmm_k1z_zmm_zmmm512b64
         VEX_Vorps_ymm_ymm_ymmm256 VEX_Vorpd_ymm_ymm_ymmm256;
    XOR: EVEX_Vxorps_zmm_k1z_zmm_zmmm512b32 EVEX_Vxorpd_zmm_k1z_zmm_zmmm512b64
         VEX_Vxorps_ymm_ymm_ymmm256 VEX_Vxorpd_ymm_ymm_ymmm256;
    SQRT: EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er EVEX_Vsqrtpd_zmm_k1z_zmmm512b64_er
         VEX_Vsqrtps_ymm_ymmm256 VEX_Vsqrtpd_ymm_ymmm256;
    ROUND: EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae EVEX_Vrndscalepd_zmm_k1z_zmmm512b64_imm8_sae
         VEX_Vroundps_ymm_ymmm256_imm8 VEX_Vroundpd_ymm_ymmm256_imm8;
    COMPARE: EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae
         VEX_Vcmpps_ymm_ymm_ymmm256_imm8 VEX_Vcmppd_ymm_ymm_ymmm256_imm8;
    BLEND: EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32 EVEX_Vblendmpd_zmm_k1z_zmm_zmmm512b64
         VEX_Vblendvps_ymm_ymm_ymmm256_ymm VEX_Vblendvpd_ymm_ymm_ymmm256_ymm;
    LOAD: EVEX_Vmovups_zmm_k1z_zmmm512 EVEX_Vmovupd_zmm_k1z_zmmm512
         VEX_Vmovups_ymm_ymmm256 VEX_Vmovupd_ymm_ymmm256;
    STORE: EVEX_Vmovups_zmmm512_k1z_zmm EVEX_Vmovupd_zmmm512_k1z_zmm
         VEX_Vmovups_ymmm256_ymm VEX_Vmovupd_ymmm256_ymm;
    MASKED_LOAD: INVALID INVALID VEX_Vmaskmovps_ymm_ymm_m256 VEX_Vmaskmovpd_ymm_ymm_m256;
    MASKED_STORE: INVALID INVALID VEX_Vmaskmovps_m256_ymm_ymm VEX_Vmaskmovpd_m256_ymm_ymm;
    // The sign of each lane as bits of a general register.
    SIGNS: INVALID INVALID VEX_Vmovmskps_r32_ymm VEX_Vmovmskpd_r32_ymm;
    ANY: VEX_Kortestw_kr_kr VEX_Kortestb_kr_kr INVALID INVALID;
    INT_ADD: EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32 EVEX_Vpaddq_zmm_k1z_zmm_zmmm512b64
         VEX_Vpaddd_ymm_ymm_ymmm256 VEX_Vpaddq_ymm_ymm_ymmm256;
    INT_SUB: EVEX_Vpsubd_zmm_k1z_zmm_zmmm512b32 EVEX_Vpsubq_zmm_k1z_zmm_zmmm512b64
         VEX_Vpsubd_ymm_ymm_ymmm256 VEX_Vpsubq_ymm_ymm_ymmm256;
    INT_EQUAL: INVALID INVALID VEX_Vpcmpeqd_ymm_ymm_ymmm256 INVALID;
    SHIFT_LEFT: EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8 EVEX_Vpsllq_zmm_k1z_zmmm512b64_imm8
         VEX_Vpslld_ymm_ymm_imm8 VEX_Vpsllq_ymm_ymm_imm8;
    SHIFT_RIGHT: EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8 EVEX_Vpsrlq_zmm_k1z_zmmm512b64_imm8
         VEX_Vpsrld_ymm_ymm_imm8 VEX_Vpsrlq_ymm_ymm_imm8;
    SHIFT_SIGNED: EVEX_Vpsrad_zmm_k1z_zmmm512b32_imm8 EVEX_Vpsraq_zmm_k1z_zmmm512b64_imm8
         VEX_Vpsrad_ymm_ymm_imm8 INVALID;
    FROM_INT: EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er EVEX_Vcvtqq2pd_zmm_k1z_zmmm512b64_er
         VEX_Vcvtdq2ps_ymm_ymmm256 INVALID;
    TO_INT: EVEX_Vcvttps2dq_zmm_k1z_zmmm512b32_sae INVALID VEX_Vcvttps2dq_ymm_ymmm256 INVALID;
    WIDE_SHIFT: EVEX_Vpsrlq_zmm_k1z_zmmm512b64_imm8 EVEX_Vpsrlq_zmm_k1z_zmmm512b64_imm8
         VEX_Vpsrlq_ymm_ymm_imm8 VEX_Vpsrlq_ymm_ymm_imm8;
    BROADCAST: EVEX_Vbroadcastss_zmm_k1z_xmmm32 EVEX_Vbroadcastsd_zmm_k1z_xmmm64
         VEX_Vbroadcastss_ymm_m32 VEX_Vbroadcastsd_ymm_m64;
}

/// A product with a sum in its three forms: which operand is replaced by the result.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fused {
    /// a = b · a + c
    pub(super) f213: Codes,
    /// a = b · c + a
    pub(super) f231: Codes,
    /// a = a · c + b
    pub(super) f132: Codes,
}

macro_rules! fused {
    ($name:ident $($form:ident: $a:ident $b:ident $c:ident $d:ident;)*) => {
        pub(super) const $name: Fused = Fused { $($form: [Code::$a, Code::$b, Code::$c, Code::$d]),* };
    };
}

fused! { FMA
    f213: EVEX_Vfmadd213ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmadd213pd_zmm_k1z_zmm_zmmm512b64_er
          VEX_Vfmadd213ps_ymm_ymm_ymmm256 VEX_Vfmadd213pd_ymm_ymm_ymmm256;
    f231: EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmadd231pd_zmm_k1z_zmm_zmmm512b64_er
          VEX_Vfmadd231ps_ymm_ymm_ymmm256 VEX_Vfmadd231pd_ymm_ymm_ymmm256;
    f132: EVEX_Vfmadd132ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmadd132pd_zmm_k1z_zmm_zmmm512b64_er
          VEX_Vfmadd132ps_ymm_ymm_ymmm256 VEX_Vfmadd132pd_ymm_ymm_ymmm256;
}
fused! { FMS
    f213: EVEX_Vfmsub213ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmsub213pd_zmm_k1z_zmm_zmmm512b64_er
          VEX_Vfmsub213ps_ymm_ymm_ymmm256 VEX_Vfmsub213pd_ymm_ymm_ymmm256;
    f231: EVEX_Vfmsub231ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmsub231pd_zmm_k1z_zmm_zmmm512b64_er
          VEX_Vfmsub231ps_ymm_ymm_ymmm256 VEX_Vfmsub231pd_ymm_ymm_ymmm256;
    f132: EVEX_Vfmsub132ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmsub132pd_zmm_k1z_zmm_zmmm512b64_er
          VEX_Vfmsub132ps_ymm_ymm_ymmm256 VEX_Vfmsub132pd_ymm_ymm_ymmm256;
}
fused! { FNMA
    f213: EVEX_Vfnmadd213ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfnmadd213pd_zmm_k1z_zmm_zmmm512b64_er
          VEX_Vfnmadd213ps_ymm_ymm_ymmm256 VEX_Vfnmadd213pd_ymm_ymm_ymmm256;
    f231: EVEX_Vfnmadd231ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfnmadd231pd_zmm_k1z_zmm_zmmm512b64_er
          VEX_Vfnmadd231ps_ymm_ymm_ymmm256 VEX_Vfnmadd231pd_ymm_ymm_ymmm256;
    f132: EVEX_Vfnmadd132ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfnmadd132pd_zmm_k1z_zmm_zmmm512b64_er
          VEX_Vfnmadd132ps_ymm_ymm_ymmm256 VEX_Vfnmadd132pd_ymm_ymm_ymmm256;
}

/// How `COMPARE` compares. None of these signals NaN.
pub(super) mod comparison {
    pub(crate) const EQUAL: u32 = 0x00;
    pub(crate) const NOT_EQUAL: u32 = 0x04;
    pub(crate) const LESS: u32 = 0x11;
    pub(crate) const LESS_EQUAL: u32 = 0x12;
    pub(crate) const GREATER_EQUAL: u32 = 0x1d;
    pub(crate) const GREATER: u32 = 0x1e;
}

/// How `ROUND` rounds. None of these signals a result that is not exact.
pub(super) mod rounding {
    pub(crate) const NEAREST: u32 = 0x08;
    pub(crate) const DOWN: u32 = 0x09;
    pub(crate) const TO_ZERO: u32 = 0x0b;
}
