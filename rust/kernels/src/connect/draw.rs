//! Weights and delays: numbers drawn for each synapse, by inversion of their distribution.

use super::functions::{CENTRE, exp, ln, normal_quantile, normal_quantile_of_centre};
use crate::lane::{Job, Lane, dispatch};

/// Numbers that are drawn together, in as many lanes as the machine has.
const TOGETHER: usize = 32;

/// A family of distributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Between `a` and `b`.
    Uniform,
    /// Mean `a`, standard deviation `b`.
    Normal,
    /// The exponential of a normal number.
    LogNormal,
    /// `a` plus an exponential number of mean `b`.
    Exponential,
}

/// A distribution, cut and clipped.
///
/// A value is the quantile of a number drawn between the probabilities `from` and `to`, which cuts
/// the distribution, and is then moved into `low … high`, which clips it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// The family.
    pub family: Family,
    /// Its first parameter.
    pub a: f64,
    /// Its second.
    pub b: f64,
    /// The probabilities between which it is drawn.
    pub part: [f64; 2],
    /// The least and the greatest value.
    pub bounds: [f64; 2],
}

impl Draw {
    /// The value that `u`, between 0 and 1, stands for.
    #[inline]
    pub(crate) fn value(&self, u: f64) -> f64 {
        let p = self.part[0] + (self.part[1] - self.part[0]) * u;
        let x = match self.family {
            Family::Uniform => self.a + (self.b - self.a) * p,
            Family::Normal => self.a + self.b * normal_quantile(p),
            Family::LogNormal => exp(self.a + self.b * normal_quantile(p)),
            Family::Exponential => self.a - self.b * ln((1.0 - p).max(f64::MIN_POSITIVE)),
        };
        x.max(self.bounds[0]).min(self.bounds[1])
    }

    /// Replaces numbers between 0 and 1 by the values that they stand for.
    pub(crate) fn values(&self, numbers: &mut [f64]) {
        dispatch(Values { draw: self, numbers });
    }

    /// A value as a delay in whole steps, at least one; more than fit into 64 bits are as many as do.
    #[inline(always)]
    pub(crate) fn whole(value: f64) -> u64 {
        (value + 0.5).floor().max(1.0) as u64
    }

    /// The greatest delay that can be drawn.
    pub(crate) fn most_steps(&self) -> u64 {
        let end = 0.5f64.powi(53);
        Self::whole(self.value(end)).max(Self::whole(self.value(1.0 - end)))
    }
}

struct Values<'a> {
    draw: &'a Draw,
    numbers: &'a mut [f64],
}

impl Job<f64> for Values<'_> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = f64>>(self) {
        let Self { draw, numbers } = self;
        let [from, to] = draw.part;
        if draw.family != Family::Normal {
            for x in numbers {
                *x = draw.value(*x);
            }
            return;
        }
        for numbers in numbers.chunks_mut(TOGETHER) {
            let mut part = [0.5; TOGETHER];
            let mut value = [0.0; TOGETHER];
            part.iter_mut().zip(&*numbers).for_each(|(p, u)| *p = from + (to - from) * u);
            value.iter_mut().zip(part).for_each(|(x, p)| *x = normal_quantile_of_centre(p - 0.5));
            for (x, p) in value.iter_mut().zip(part) {
                if (p - 0.5).abs() > CENTRE {
                    *x = normal_quantile(p);
                }
            }
            for (out, x) in numbers.iter_mut().zip(value) {
                *out = (draw.a + draw.b * x).max(draw.bounds[0]).min(draw.bounds[1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn mean_and_std(draw: &Draw) -> (f64, f64) {
        let (n, mut stream) = (200_000, Stream::new(1, 0, 0));
        let values: Vec<_> = (0..n).map(|_| draw.value(stream.unit())).collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let square = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        (mean, square.sqrt())
    }

    #[test]
    fn moments() {
        let free = ([0.0, 1.0], [f64::NEG_INFINITY, f64::INFINITY]);
        let draw = |family, a, b| Draw { family, a, b, part: free.0, bounds: free.1 };
        let (s, e) = (0.5f64, std::f64::consts::E);
        let cases = [
            (draw(Family::Uniform, -1.0, 3.0), 1.0, 4.0 / 12f64.sqrt()),
            (draw(Family::Normal, 2.0, 0.5), 2.0, 0.5),
            (draw(Family::LogNormal, 1.0, s), e * (s * s / 2.0).exp(), 1.641),
            (draw(Family::Exponential, 1.0, 2.0), 3.0, 2.0),
            // Above its mean, a normal distribution has mean √(2/π).
            (Draw { part: [0.5, 1.0], ..draw(Family::Normal, 0.0, 1.0) }, 0.797_885, 0.602_81),
            (Draw { bounds: [0.0, 9.0], ..draw(Family::Normal, 0.0, 1.0) }, 0.398_94, 0.583_8),
        ];
        for (draw, mean, std) in cases {
            let (m, s) = mean_and_std(&draw);
            assert!((m - mean).abs() < 0.015 && (s - std).abs() < 0.02, "{draw:?}: {m} {s}");
        }
    }

    #[test]
    fn many_values_are_those_of_one_by_one() {
        let mut stream = Stream::new(2, 0, 0);
        for family in [Family::Uniform, Family::Normal, Family::LogNormal, Family::Exponential] {
            let draw = Draw { family, a: 0.3, b: 0.7, part: [0.01, 1.0], bounds: [-1.0, 1.9] };
            for n in [0, 1, 31, 70] {
                let units: Vec<_> = (0..n).map(|_| stream.unit()).collect();
                let mut values = units.clone();
                draw.values(&mut values);
                assert!(values.iter().zip(units).all(|(x, u)| x.to_bits() == draw.value(u).to_bits()));
            }
        }
    }

    #[test]
    fn delays_are_whole_steps() {
        let draw = Draw { family: Family::Normal, a: 15.0, b: 7.5, part: [0.0, 1.0], bounds: [-1e9, 1e9] };
        assert_eq!(Draw::whole(draw.value(0.5)), 15);
        assert_eq!(Draw::whole(draw.value(1e-9)), 1);
        assert!((70..90).contains(&draw.most_steps()));
        assert_eq!(Draw { a: 1e30, bounds: [0.0, f64::INFINITY], ..draw }.most_steps(), 1e30 as u64);
    }
}
