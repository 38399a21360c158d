//! Functions of double precision that give the same bits on every machine.
//!
//! The elementary ones are those of the `libm` crate: plain IEEE additions and multiplications in one order, never the
//! system's library, whose last bits differ from machine to machine. Not here: the single-precision functions of causal
//! nodes.

#![expect(clippy::excessive_precision, reason = "coefficients stand as they were published")]

pub use libm::{cos, exp, log, log1p, pow, sin, sqrt, tan};

/// The standard normal quantile of a probability strictly between 0 and 1, to about 1e-16 relative.
///
/// Algorithm AS 241, PPND16 (Wichura, 1988).
#[inline]
pub fn normal_quantile(probability: f64) -> f64 {
    let centred = probability - 0.5;
    if centred.abs() <= CENTRAL {
        let r = CENTRAL * CENTRAL - centred * centred;
        return centred * polynomial(&A, r) / polynomial(&B, r);
    }
    let tail = if centred < 0.0 { probability } else { 1.0 - probability };
    let r = sqrt(-log(tail));
    let quantile = if r <= 5.0 {
        polynomial(&C, r - 1.6) / polynomial(&D, r - 1.6)
    } else {
        polynomial(&E, r - 5.0) / polynomial(&F, r - 5.0)
    };
    if centred < 0.0 { -quantile } else { quantile }
}

/// Up to this distance from a half the central approximation holds.
const CENTRAL: f64 = 0.425;

#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let mut sum = coefficients[N - 1];
    for coefficient in coefficients[..N - 1].iter().rev() {
        sum = sum * x + coefficient;
    }
    sum
}

/// The exponential of a number that is not above 0, to about 1e-14 relative; below -700 that of -700.
///
/// Free of branches, so that loops over it become vector instructions.
#[inline(always)]
pub fn exp_below_zero(x: f64) -> f64 {
    /// Adding this leaves an integer in the low bits.
    const SHIFT: f64 = 1.5 * (1u64 << 52) as f64;
    const LN_2_HIGH: f64 = 6.931_471_803_691_238_164_90e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_700_02e-10;
    let x = if x > -700.0 { x } else { -700.0 };
    let shifted = x * core::f64::consts::LOG2_E + SHIFT;
    let exponent = shifted - SHIFT;
    let rest = x - exponent * LN_2_HIGH - exponent * LN_2_LOW;
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    polynomial(&INVERSE_FACTORIALS, rest) * power
}

const INVERSE_FACTORIALS: [f64; 12] = [
    1.0,
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
];

const A: [f64; 8] = [
    3.387_132_872_796_366_608_0,
    1.331_416_678_917_843_774_5e2,
    1.971_590_950_306_551_442_7e3,
    1.373_169_376_550_946_112_5e4,
    4.592_195_393_154_987_145_7e4,
    6.726_577_092_700_870_085_3e4,
    3.343_057_558_358_812_810_5e4,
    2.509_080_928_730_122_672_7e3,
];
const B: [f64; 8] = [
    1.0,
    4.231_333_070_160_091_125_2e1,
    6.871_870_074_920_579_083_0e2,
    5.394_196_021_424_751_107_7e3,
    2.121_379_430_158_659_586_7e4,
    3.930_789_580_009_271_061_0e4,
    2.872_908_573_572_194_267_4e4,
    5.226_495_278_852_854_561_0e3,
];
const C: [f64; 8] = [
    1.423_437_110_749_683_577_34,
    4.630_337_846_156_545_295_90,
    5.769_497_221_460_691_405_50,
    3.647_848_324_763_204_605_04,
    1.270_458_252_452_368_382_58,
    2.417_807_251_774_506_117_70e-1,
    2.272_384_498_926_918_458_33e-2,
    7.745_450_142_783_414_076_40e-4,
];
const D: [f64; 8] = [
    1.0,
    2.053_191_626_637_758_821_87,
    1.676_384_830_183_803_849_40,
    6.897_673_349_851_000_045_50e-1,
    1.481_039_764_274_800_745_90e-1,
    1.519_866_656_361_645_719_66e-2,
    5.475_938_084_995_344_946_00e-4,
    1.050_750_071_644_416_843_24e-9,
];
const E: [f64; 8] = [
    6.657_904_643_501_103_777_20,
    5.463_784_911_164_114_369_90,
    1.784_826_539_917_291_335_80,
    2.965_605_718_285_048_912_30e-1,
    2.653_218_952_657_612_309_30e-2,
    1.242_660_947_388_078_438_60e-3,
    2.711_555_568_743_487_578_15e-5,
    2.010_334_399_292_288_132_65e-7,
];
const F: [f64; 8] = [
    1.0,
    5.998_322_065_558_879_376_90e-1,
    1.369_298_809_227_358_053_10e-1,
    1.487_536_129_085_061_485_25e-2,
    7.868_691_311_456_132_591_00e-4,
    1.846_318_317_510_054_681_80e-5,
    1.421_511_758_316_445_888_70e-7,
    2.044_263_103_389_939_785_64e-15,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `scipy.special.ndtri`.
    #[test]
    fn normal_quantiles_are_known_ones() {
        for (probability, wanted) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.3, -0.524_400_512_708_040_7),
            (1e-3, -3.090_232_306_167_813_5),
            (1e-20, -9.262_340_089_798_408),
        ] {
            let found = normal_quantile(probability);
            assert!((found - wanted).abs() <= 1e-14 * (1.0 + wanted.abs()), "{probability}: {found}");
        }
    }

    #[test]
    fn exponentials_are_close_to_those_of_libm() {
        for place in 0..100_000 {
            let x = -0.007 * f64::from(place);
            let found = exp_below_zero(x);
            assert!((found / exp(x) - 1.0).abs() < 1e-13, "{x}: {found}");
        }
        assert_eq!(exp_below_zero(-1e9), exp_below_zero(-700.0));
    }

    #[test]
    fn normal_quantiles_are_odd() {
        for place in 1..512 {
            let probability = f64::from(place) / 1024.0;
            assert_eq!(normal_quantile(probability), -normal_quantile(1.0 - probability));
        }
    }
}
