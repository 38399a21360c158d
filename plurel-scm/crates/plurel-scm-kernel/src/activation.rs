//! The prior's 29 elementwise functions, by the names of their contributions.
//!
//! Not here: the polynomials they are made of (`functions`), and the layer around them (`network`).

use crate::functions::{
    Wave, clip, erf, exp, expm1_of_negative, log1p_of_positive, positive, sigmoid, softplus, tanh, tanhshrink,
};
use crate::lanes::{LANES, Lanes};

const LEAKY_SLOPE: f32 = 0.01;
const RRELU_SLOPE: f32 = (1.0 / 8.0 + 1.0 / 3.0) / 2.0;
const SHRINK: f32 = 0.5;
const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_SCALE: f32 = 1.050_701;
/// Above this `mish` is its argument to the last bit, and the exponential's square is still finite.
const MISH_LIMIT: f32 = 20.0;

/// One term of a sum of sines: `amplitude * sin(frequency * x + phase)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sine {
    /// Factor of the sine.
    pub amplitude: f32,
    /// Factor of the argument.
    pub frequency: f32,
    /// What is added to the argument.
    pub phase: f32,
}

macro_rules! activations {
    ($($kind:ident = $name:literal,)*) => {
        /// An elementwise function; NaN stays NaN.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "the names of the contributions say which function each is")]
        pub enum Activation {
            $($kind,)*
            /// A drawn sum of sines.
            RandomSines(Vec<Sine>),
        }

        impl Activation {
            /// The names of the functions without parameters; a function's place here is its number.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The function of a number.
            #[must_use]
            pub fn numbered(number: usize) -> Option<Activation> {
                [$(Activation::$kind),*].get(number).cloned()
            }
        }
    };
}

activations! {
    Relu = "relu",
    Elu = "elu",
    Selu = "selu",
    Silu = "silu",
    Softsign = "softsign",
    Tanh = "tanh",
    Sigmoid = "sigmoid",
    Hardswish = "hardswish",
    Mish = "mish",
    LeakyRelu = "leaky_relu",
    Gelu = "gelu",
    Softplus = "softplus",
    Hardsigmoid = "hardsigmoid",
    Hardtanh = "hardtanh",
    Celu = "celu",
    Tanhshrink = "tanhshrink",
    Rrelu = "rrelu",
    Logsigmoid = "logsigmoid",
    Softshrink = "softshrink",
    Hardshrink = "hardshrink",
    Identity = "identity",
    Abs = "abs",
    Sin = "sin",
    Cos = "cos",
    Sign = "sign",
    Clamp = "clamp",
    SignedLog1p = "signed_log1p",
    BentIdentity = "bent_identity",
}

/// `clip(scale * function(x), +-limit)` of a hidden layer.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// Factor of what the function gives.
    pub scale: f32,
    /// Where the product is cut; infinite for no cut.
    pub limit: f32,
}

impl Range {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        clip(x * self.scale, -self.limit, self.limit)
    }
}

#[inline(always)]
fn map(panel: &mut [Lanes], range: Range, function: impl Fn(f32) -> f32) {
    for lanes in panel {
        for x in &mut lanes.0 {
            *x = range.of(function(*x));
        }
    }
}

#[inline(always)]
fn slope(x: f32, slope: f32) -> f32 {
    if x > 0.0 { x } else { x * slope }
}

#[inline(always)]
fn hardsigmoid(x: f32) -> f32 {
    clip(x.mul_add(1.0 / 6.0, 0.5), 0.0, 1.0)
}

#[inline(always)]
fn mish(x: f32) -> f32 {
    let e = exp(clip(x, f32::NEG_INFINITY, MISH_LIMIT));
    let n = e.mul_add(e, 2.0 * e);
    x * (n / (n + 2.0))
}

#[inline(always)]
fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

/// The wave of every lane; numbers that a lane's size demands more digits for are rare.
#[inline(always)]
fn wave(lanes: &mut Lanes, wave: Wave) {
    let largest = lanes.0.iter().fold(0, |largest: u32, x| largest.max(x.abs().to_bits()));
    if largest <= Wave::NEAR.to_bits() {
        lanes.0.iter_mut().for_each(|x| *x = wave.near(*x));
        return;
    }
    let arguments = lanes.0;
    for x in &mut lanes.0 {
        let (near, far) = (wave.near(*x), wave.far(*x));
        *x = if x.abs() <= Wave::NEAR { near } else { far };
    }
    if largest > Wave::FAR.to_bits() {
        for (x, argument) in lanes.0.iter_mut().zip(arguments) {
            if argument.abs() > Wave::FAR && argument.is_finite() {
                *x = wave.beyond(argument);
            }
        }
    }
}

#[inline(always)]
fn waves(panel: &mut [Lanes], range: Range, kind: Wave) {
    for lanes in panel {
        wave(lanes, kind);
        lanes.0.iter_mut().for_each(|x| *x = range.of(*x));
    }
}

#[inline(always)]
fn random_sines(panel: &mut [Lanes], range: Range, terms: &[Sine]) {
    for lanes in panel {
        let mut sum = Lanes::ZERO;
        for term in terms {
            let mut argument = Lanes::ZERO;
            for lane in 0..LANES {
                argument.0[lane] = lanes.0[lane].mul_add(term.frequency, term.phase);
            }
            wave(&mut argument, Wave::SINE);
            for lane in 0..LANES {
                sum.0[lane] = argument.0[lane].mul_add(term.amplitude, sum.0[lane]);
            }
        }
        for lane in 0..LANES {
            lanes.0[lane] = range.of(sum.0[lane]);
        }
    }
}

/// Applies a hidden layer's function, scale and cut to what its matrix gave.
#[inline(always)]
pub(crate) fn activate(activation: &Activation, range: Range, panel: &mut [Lanes]) {
    use Activation as A;
    match activation {
        A::Relu => map(panel, range, positive),
        A::Elu | A::Celu => map(panel, range, |x| positive(x) + expm1_of_negative(x)),
        A::Selu => map(panel, range, |x| SELU_SCALE * expm1_of_negative(x).mul_add(SELU_ALPHA, positive(x))),
        A::Silu => map(panel, range, |x| x * sigmoid(x)),
        A::Softsign => map(panel, range, |x| x / (1.0 + x.abs())),
        A::Tanh => map(panel, range, tanh),
        A::Sigmoid => map(panel, range, sigmoid),
        A::Hardswish => map(panel, range, |x| x * hardsigmoid(x)),
        A::Mish => map(panel, range, mish),
        A::LeakyRelu => map(panel, range, |x| slope(x, LEAKY_SLOPE)),
        A::Rrelu => map(panel, range, |x| slope(x, RRELU_SLOPE)),
        A::Gelu => map(panel, range, |x| x * erf(x * core::f32::consts::FRAC_1_SQRT_2).mul_add(0.5, 0.5)),
        A::Softplus => map(panel, range, softplus),
        A::Logsigmoid => map(panel, range, |x| -softplus(-x)),
        A::Hardsigmoid => map(panel, range, hardsigmoid),
        A::Hardtanh | A::Clamp => map(panel, range, |x| clip(x, -1.0, 1.0)),
        A::Tanhshrink => map(panel, range, tanhshrink),
        A::Softshrink => map(panel, range, |x| x - clip(x, -SHRINK, SHRINK)),
        A::Hardshrink => map(panel, range, |x| if x.abs() <= SHRINK { 0.0 } else { x }),
        A::Identity => map(panel, range, |x| x),
        A::Abs => map(panel, range, f32::abs),
        A::Sin => waves(panel, range, Wave::SINE),
        A::Cos => waves(panel, range, Wave::COSINE),
        A::Sign => map(panel, range, sign),
        A::SignedLog1p => map(panel, range, |x| log1p_of_positive(x.abs()).copysign(x)),
        A::BentIdentity => map(panel, range, |x| (x.mul_add(x, 1.0).sqrt() - 1.0).mul_add(0.5, x)),
        A::RandomSines(terms) => random_sines(panel, range, terms),
    }
}
