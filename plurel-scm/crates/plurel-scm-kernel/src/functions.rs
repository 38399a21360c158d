//! Single-precision functions of causal nodes, free of branches so that loops over lanes become vectors.
//!
//! Each is a polynomial or a quotient of two, fitted to a relative error well below single precision, evaluated with
//! fused multiply-adds in one fixed order: the same bits on every machine. NaN stays NaN. Not here: the double-precision
//! functions of draws (`special`), and which of these an activation is made of (`activation`).

use core::f32::consts::{self, FRAC_1_PI, LOG2_E, SQRT_2};

/// Adding and taking away this number rounds to whole numbers, ties to even; the sum's last bits are the number's.
const ROUNDING: f32 = 12_582_912.0;
const ROUNDING_64: f64 = 6_755_399_441_055_744.0;

const ONE_BITS: u32 = 1.0f32.to_bits();
const LN_2: [f32; 2] = [consts::LN_2, -1.904_654_3e-9];
const PI: [f32; 2] = [consts::PI, -8.742_278e-8];
const PI_64: [f64; 2] = [core::f64::consts::PI, 1.224_646_799_147_353_2e-16];

/// `(exp(r) - 1 - r) / r^2` within half a logarithm of two, to 3e-9 of `exp(r)`.
const EXP: [f32; 5] = [0.5, 0.166_665_12, 0.041_666_187, 0.008_369_599, 0.001_395_171_7];
/// `(log(1 + f) - f + f^2 / 2) / f^3` for `1 + f` between `sqrt(1/2)` and `sqrt(2)`, to 7e-10.
const LOG: [f32; 9] = [
    0.333_333_1,
    -0.249_999_87,
    0.200_022_27,
    -0.166_692_51,
    0.142_186_58,
    -0.123_843_48,
    0.118_729_76,
    -0.117_898_08,
    0.069_153_68,
];
/// `log(1 + t) / t` for `t` in 0..1, to 5e-9.
const LOG1P: [f32; 10] = [
    1.0,
    -0.499_999,
    0.333_299_64,
    -0.249_541_33,
    0.196_759_31,
    -0.153_055_7,
    0.106_036_17,
    -0.056_959_16,
    0.019_851_262,
    -0.003_243_980_7,
];
/// `(sin(r) / r - 1) / r^2` over the squares of half a turn, to 5e-9.
const SINE: [f32; 4] = [-0.166_666_6, 0.008_333_075, -0.000_198_100_27, 2.606_335_6e-6];
/// Numerator and denominator of `tanh(x) / x` over `x^2`, to 2e-8 up to `TANH_LIMIT`.
const TANH: ([f32; 5], [f32; 5]) = (
    [1.0, 0.133_797_03, 0.003_494_015_7, 2.058_309_7e-5, 1.331_840_1e-8],
    [1.0, 0.467_130_18, 0.025_871_005, 0.000_328_305_88, 7.761_774e-7],
);
const TANH_LIMIT: f32 = 9.02;
/// Numerator and denominator of `(1 - tanh(x) / x) / x^2` over `x^2`, to 1e-8 up to `TANH_LIMIT`.
const TANH_SHRINK: ([f32; 4], [f32; 5]) = (
    [0.333_333_34, 0.022_557_314, 0.000_317_053_14, 8.188_916e-7],
    [1.0, 0.467_671_9, 0.026_115_216, 0.000_338_665_56, 8.335_844_7e-7],
);
/// Numerator and denominator of `erf(x) / x` over `x^2`, to 2e-8 up to `ERF_LIMIT`.
#[expect(clippy::approx_constant, reason = "fitted together with the others")]
const ERF: ([f32; 6], [f32; 6]) = (
    [1.128_379_1, 0.190_411_2, 0.052_748_82, 0.003_765_678, 0.000_284_859_7, 2.049_729_8e-6],
    [1.0, 0.502_080_26, 0.114_110_59, 0.014_969_356, 0.001_162_505, 3.808_680_8e-5],
);
const ERF_LIMIT: f32 = 3.92;

/// `x` cut to `low..=high`.
#[inline(always)]
pub fn clip(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// `max(x, 0)`.
#[inline(always)]
pub fn positive(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
pub(crate) fn polynomial<const N: usize>(coefficients: &[f32; N], x: f32) -> f32 {
    let mut sum = coefficients[N - 1];
    for coefficient in coefficients[..N - 1].iter().rev() {
        sum = sum.mul_add(x, *coefficient);
    }
    sum
}

/// `exp(r) - 1` and `2^n`, where `x = n log(2) + r`, for `-87 <= x <= 88`.
#[inline(always)]
fn reduced_exp(x: f32) -> (f32, f32) {
    let shifted = x.mul_add(LOG2_E, ROUNDING);
    let n = shifted - ROUNDING;
    let r = n.mul_add(-LN_2[1], n.mul_add(-LN_2[0], x));
    let power = (polynomial(&EXP, r) * r).mul_add(r, r);
    (power, f32::from_bits((shifted.to_bits() << 23).wrapping_add(ONE_BITS)))
}

/// The exponential of a number up to 88; below -87 it stays at 1.6e-38.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let (power, scale) = reduced_exp(if x < -87.0 { -87.0 } else { x });
    power.mul_add(scale, scale)
}

/// `exp(min(x, 0)) - 1`.
#[inline(always)]
pub fn expm1_of_negative(x: f32) -> f32 {
    let (power, scale) = reduced_exp(clip(x, -18.0, 0.0));
    power.mul_add(scale, scale - 1.0)
}

/// `log(u + rest)` for `u >= 1` and a rest below its last bit.
#[inline(always)]
fn log_of_sum(u: f32, rest: f32) -> f32 {
    const ROOT: u32 = (SQRT_2 / 2.0).to_bits();
    let bits = u.to_bits();
    let exponent = (bits.wrapping_sub(ROOT) as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent as u32) << 23));
    let scale = f32::from_bits(ONE_BITS.wrapping_sub((exponent.min(126) as u32) << 23));
    let f = rest.mul_add(scale, mantissa - 1.0);
    let square = f * f;
    let n = exponent as f32;
    let tail = (polynomial(&LOG, f) * f).mul_add(square, n * LN_2[1]);
    let small = square.mul_add(-0.5, tail) + f;
    let log = n.mul_add(LN_2[0], small);
    if u < f32::INFINITY { log } else { u }
}

/// The logarithm of a number that is at least 1.
#[inline(always)]
pub fn log_from_one(x: f32) -> f32 {
    log_of_sum(x, 0.0)
}

/// `log(1 + x)` of a number that is at least 0.
#[inline(always)]
pub fn log1p_of_positive(x: f32) -> f32 {
    let u = 1.0 + x;
    log_of_sum(u, x - (u - 1.0))
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let x = clip(x, -TANH_LIMIT, TANH_LIMIT);
    let square = x * x;
    clip(x * polynomial(&TANH.0, square) / polynomial(&TANH.1, square), -1.0, 1.0)
}

/// `x - tanh(x)`, to the last bits of small numbers too.
#[inline(always)]
pub fn tanhshrink(x: f32) -> f32 {
    let cut = clip(x, -TANH_LIMIT, TANH_LIMIT);
    let square = cut * cut;
    let within = cut * square * polynomial(&TANH_SHRINK.0, square) / polynomial(&TANH_SHRINK.1, square);
    within + (x - cut)
}

/// The logistic function.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    tanh(0.5 * x).mul_add(0.5, 0.5)
}

/// The error function.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let x = clip(x, -ERF_LIMIT, ERF_LIMIT);
    let square = x * x;
    clip(x * polynomial(&ERF.0, square) / polynomial(&ERF.1, square), -1.0, 1.0)
}

/// `log(1 + exp(x))`.
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    let tail = exp(-x.abs());
    tail.mul_add(polynomial(&LOG1P, tail), positive(x))
}

/// A sine, or a cosine: `sin(x + turn * pi)` where the turn is 0 or 1/2.
///
/// `x` is a number of half turns and a rest of at most a quarter turn either way; the number's parity is the sign.
#[derive(Clone, Copy, Debug)]
pub struct Wave {
    turn: f32,
    sign: u32,
}

impl Wave {
    /// The sine.
    pub const SINE: Wave = Wave { turn: 0.0, sign: 0 };
    /// The cosine, as minus the sine of what is left over half-numbered half turns.
    pub const COSINE: Wave = Wave { turn: 0.5, sign: 1 << 31 };

    /// Up to this size single precision is enough to find the rest.
    pub const NEAR: f32 = 65_536.0;
    /// Up to this size double precision is.
    pub const FAR: f32 = 1_099_511_627_776.0;

    #[inline(always)]
    fn of_rest(self, r: f32, parity: u32) -> f32 {
        let square = r * r;
        let sine = (polynomial(&SINE, square) * square).mul_add(r, r);
        f32::from_bits(sine.to_bits() ^ (parity << 31) ^ self.sign)
    }

    /// Its value for `|x| <= NEAR`.
    #[inline(always)]
    pub fn near(self, x: f32) -> f32 {
        let shifted = x.mul_add(FRAC_1_PI, -self.turn) + ROUNDING;
        let n = (shifted - ROUNDING) + self.turn;
        self.of_rest(n.mul_add(-PI[1], n.mul_add(-PI[0], x)), shifted.to_bits())
    }

    /// Its value for `|x| <= FAR`.
    #[inline(always)]
    pub fn far(self, x: f32) -> f32 {
        let (wide, turn) = (f64::from(x), f64::from(self.turn));
        let shifted = wide.mul_add(core::f64::consts::FRAC_1_PI, -turn) + ROUNDING_64;
        let n = (shifted - ROUNDING_64) + turn;
        let r = n.mul_add(-PI_64[1], n.mul_add(-PI_64[0], wide));
        self.of_rest(r as f32, shifted.to_bits() as u32)
    }

    /// Its value for a finite `|x| >= FAR`, by as many digits of `1 / pi` as matter (Payne and Hanek, 1983).
    #[cold]
    pub fn beyond(self, x: f32) -> f32 {
        /// The first 256 binary digits of `1 / pi`.
        const INVERSE_PI: [u64; 4] =
            [0x517c_c1b7_2722_0a94, 0xfe13_abe8_fa9a_6ee0, 0x6db1_4acc_9e21_c820, 0xff28_b1d5_ef5d_e2b0];
        let bits = x.to_bits();
        let exponent = ((bits >> 23) & 0xff) - 150;
        let mantissa = u128::from(bits & 0x7f_ffff | 0x80_0000);
        let (word, shift) = ((exponent as usize - 1) / 64, (exponent - 1) % 64);
        let digit = |place: usize| u128::from(INVERSE_PI.get(word + place).copied().unwrap_or(0));
        let digits = (digit(0) << 64 | digit(1)) << shift | (digit(2) << shift) >> 64;
        let half_turns = mantissa.wrapping_mul(digits);
        let half_turns = if x < 0.0 { half_turns.wrapping_neg() } else { half_turns };
        let shifted = if self.turn == 0.0 { half_turns } else { half_turns.wrapping_sub(1 << 126) };
        let parity = (shifted.wrapping_add(1 << 126) >> 127) as u32;
        let rest = (shifted << 1) as i128 as f64 / (2.0f64).powi(128);
        self.of_rest((rest * core::f64::consts::PI) as f32, parity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of all sizes from the smallest to a limit, of both signs.
    fn numbers(limit: f32) -> impl Iterator<Item = f32> {
        (0..limit.to_bits()).step_by(4_099).map(f32::from_bits).flat_map(|x| [x, -x])
    }

    /// The largest error in last bits, of the value or of `floor` where that is larger.
    fn worst_above(floor: f64, limit: f32, found: impl Fn(f32) -> f32, wanted: impl Fn(f64) -> f64) -> f64 {
        let error = |x: f32| {
            let (found, wanted) = (f64::from(found(x)), wanted(f64::from(x)));
            let unit = wanted.abs().max(floor) * f64::from(f32::EPSILON);
            (found - wanted).abs() / unit
        };
        numbers(limit).map(error).fold(0.0, f64::max)
    }

    fn worst(limit: f32, found: impl Fn(f32) -> f32, wanted: impl Fn(f64) -> f64) -> f64 {
        worst_above(1e-31, limit, found, wanted)
    }

    /// `x - tanh(x)`, by its series where the difference loses digits.
    fn shrunk(x: f64) -> f64 {
        let z = x * x;
        let series = x * z * (1.0 / 3.0 - z * (2.0 / 15.0 - z * (17.0 / 315.0 - z * (62.0 / 2835.0))));
        if x.abs() < 0.1 { series } else { x - x.tanh() }
    }

    #[test]
    fn functions_are_right_to_about_the_last_bit() {
        let at_least_zero = |x: f32| x.abs();
        assert!(worst(87.0, exp, f64::exp) < 1.5);
        assert!(worst(1e30, expm1_of_negative, |x| x.min(0.0).exp_m1()) < 1.5);
        assert!(worst(1e30, |x| log_from_one(1.0 + x.abs()), |x| (f64::from(1.0 + (x as f32).abs())).ln()) < 1.5);
        assert!(worst(1e30, |x| log1p_of_positive(at_least_zero(x)), |x| x.abs().ln_1p()) < 1.5);
        assert!(worst(1e30, tanh, f64::tanh) < 3.0);
        assert!(worst(1e30, tanhshrink, shrunk) < 4.0);
        assert!(worst(80.0, |x| softplus(x.abs()), |x| x.abs().exp().ln_1p()) < 2.0);
        assert!(worst(1e30, erf, libm::erf) < 3.0);
    }

    #[test]
    fn waves_are_right_whatever_the_number_of_turns() {
        for (wave, wanted) in [(Wave::SINE, f64::sin as fn(f64) -> f64), (Wave::COSINE, f64::cos)] {
            assert!(worst_above(1e-3, Wave::NEAR, |x| wave.near(x), wanted) < 1.5);
            assert!(worst(Wave::FAR, |x| wave.far(x), wanted) < 1.5);
            let beyond = |x: f32| if x.abs() < Wave::FAR { wave.far(x) } else { wave.beyond(x) };
            assert!(worst(f32::MAX, beyond, wanted) < 1.5);
        }
    }

    #[test]
    fn ends_are_as_in_arithmetic() {
        assert!(exp(f32::NEG_INFINITY) < 2e-38 && exp(0.0) == 1.0);
        assert_eq!((tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert_eq!(expm1_of_negative(f32::NEG_INFINITY), -1.0);
        assert_eq!((log1p_of_positive(f32::INFINITY), log1p_of_positive(f32::MAX)), (f32::INFINITY, f32::MAX.ln()));
        assert_eq!((erf(f32::INFINITY), erf(-0.0)), (1.0, 0.0));
        assert!(Wave::SINE.far(f32::INFINITY).is_nan());
    }

    #[test]
    fn nothing_stays_nothing() {
        let functions =
            [exp, expm1_of_negative, log_from_one, log1p_of_positive, tanh, sigmoid, erf, softplus, positive];
        for (number, function) in functions.into_iter().enumerate() {
            assert!(function(f32::NAN).is_nan(), "function {number}");
        }
        assert!(Wave::SINE.near(f32::NAN).is_nan() && Wave::COSINE.far(f32::NAN).is_nan());
        assert!(clip(f32::NAN, -1.0, 1.0).is_nan());
    }
}
