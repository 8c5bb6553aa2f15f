//! Numbers of synapses, drawn from binomial and hypergeometric distributions.
//!
//! Few draws are made one by one. Many are drawn at once by the ratio of uniforms: Stadlober E (1990) The ratio of
//! uniforms approach for generating discrete random variates. J. Comput. Appl. Math. 31, 181–189.

use super::functions::{ln, ln_factorial};
use crate::random::Stream;

/// So many draws are made one by one.
const FEW: u64 = 16;

/// What the width of the hat function follows from: 2 √(2/e) and 3 − 2 √(3/e).
const HAT: [f64; 2] = [1.715_527_769_921_413_5, 0.898_916_162_058_898_8];

/// How many of `n` draws are of the left, each with odds of `left` to `right`.
pub(crate) fn binomial(n: u64, left: f64, right: f64, stream: &mut Stream) -> u64 {
    if left > right {
        return n - binomial(n, right, left, stream);
    }
    let (total, all) = (left + right, n as f64);
    if left == 0.0 {
        return 0;
    }
    if n <= FEW {
        return (0..n).filter(|_| stream.unit() * total < left).count() as u64;
    }
    let (p, ln_odds) = (left / total, ln(left / right));
    let mean = all * p;
    let peak = Peak { mean, variance: mean * (right / total), mode: ((all + 1.0) * p).floor(), most: all };
    ratio_of_uniforms(&peak, stream, |k| k * ln_odds - (ln_factorial(k) + ln_factorial(all - k)))
}

/// How many of `n` different items are of the left, drawn among `left` and `right` ones.
pub(crate) fn hypergeometric(n: u64, left: u64, right: u64, stream: &mut Stream) -> u64 {
    let total = left + right;
    if n > total / 2 {
        return left - hypergeometric(total - n, left, right, stream);
    }
    if left > right {
        return n - hypergeometric(n, right, left, stream);
    }
    if n <= FEW {
        return (0..n).fold(0, |found, drawn| {
            let is_left = stream.unit() * ((total - drawn) as f64) < (left - found) as f64;
            found + u64::from(is_left)
        });
    }
    let [n, a, b, all] = [n, left, right, total].map(|x| x as f64);
    let mean = n * (a / all);
    let peak = Peak {
        mean,
        variance: mean * (b / all) * ((all - n) / (all - 1.0)),
        mode: ((n + 1.0) * ((a + 1.0) / (all + 2.0))).floor(),
        most: n.min(a),
    };
    ratio_of_uniforms(&peak, stream, |k| {
        -((ln_factorial(k) + ln_factorial(a - k)) + (ln_factorial(n - k) + ln_factorial(b - n + k)))
    })
}

/// Where a distribution over 0 … `most` is high.
struct Peak {
    mean: f64,
    variance: f64,
    mode: f64,
    most: f64,
}

/// A number from a distribution with this logarithm up to a constant.
fn ratio_of_uniforms(peak: &Peak, stream: &mut Stream, ln_weight: impl Fn(f64) -> f64) -> u64 {
    let (centre, spread) = (peak.mean + 0.5, (peak.variance + 0.5).sqrt());
    let width = HAT[0] * spread + HAT[1];
    let end = (peak.most + 1.0).min((centre + 16.0 * spread).floor());
    let highest = ln_weight(peak.mode);
    loop {
        let (u, v) = (stream.unit(), stream.unit());
        let x = centre + width * (v - 0.5) / u;
        if !(x >= 0.0 && x < end) {
            continue;
        }
        let k = x.floor();
        let height = ln_weight(k) - highest;
        // Bounds of 2 ln u, which mostly decide.
        if u * (4.0 - u) - 3.0 <= height {
            return k as u64;
        }
        if u * (u - height) < 1.0 && 2.0 * ln(u) <= height {
            return k as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// χ² of draws against the probabilities of 0, 1, 2, …, and the bins it has.
    fn chi_square(draw: impl Fn(&mut Stream) -> u64, ln_weights: &[f64]) -> (f64, f64) {
        let (draws, most) = (40_000, ln_weights.len());
        let highest = ln_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<_> = ln_weights.iter().map(|x| (x - highest).exp()).collect();
        let total: f64 = weights.iter().sum();
        let mut counts = vec![0u32; most];
        let mut stream = Stream::new(11, 0, 0);
        (0..draws).for_each(|_| counts[draw(&mut stream) as usize] += 1);
        let (mut sum, mut bins, mut rest) = (0.0, -1.0, (0.0, 0.0));
        for (count, weight) in counts.iter().zip(&weights) {
            rest = (rest.0 + f64::from(*count), rest.1 + weight / total * f64::from(draws));
            if rest.1 >= 10.0 {
                sum += (rest.0 - rest.1).powi(2) / rest.1;
                (bins, rest) = (bins + 1.0, (0.0, 0.0));
            }
        }
        (sum, bins)
    }

    fn check((chi2, bins): (f64, f64), what: &str) {
        let bound = bins + 4.0 * (2.0 * bins).sqrt() + 8.0;
        assert!(chi2 < bound, "{what}: χ² {chi2} at {bins} degrees of freedom");
    }

    #[test]
    fn binomial_numbers_follow_their_law() {
        for n in [1u64, 16, 17, 40, 300, 5000] {
            for (left, right) in [(1.0, 1.0), (1.0, 60.0), (2.0, 0.5), (1e-4, 0.9999), (0.0, 1.0)] {
                let p: f64 = left / (left + right);
                let term = |k: u64| {
                    let (k, n) = (k as f64, n as f64);
                    let odds = if k > 0.0 { k * (p / (1.0 - p)).ln() } else { 0.0 };
                    odds - ln_factorial(k) - ln_factorial(n - k)
                };
                let law: Vec<_> = (0..=n).map(term).collect();
                let found = chi_square(|stream| binomial(n, left, right, stream), &law);
                check(found, &format!("binomial {n} {p}"));
            }
        }
    }

    #[test]
    fn hypergeometric_numbers_follow_their_law() {
        for (n, left, right) in [
            (5u64, 3u64, 4u64),
            (30, 31, 1),
            (20, 100, 100),
            (40, 5, 500),
            (150, 100, 80),
            (400, 1000, 300),
            (17, 1, 40),
            (16, 0, 20),
            (2000, 1500, 100_000),
        ] {
            let term = |k: u64| {
                if k > n || k > left || n - k > right {
                    return f64::NEG_INFINITY;
                }
                -[k, left - k, n - k, right + k - n].map(|x| ln_factorial(x as f64)).iter().sum::<f64>()
            };
            let law: Vec<_> = (0..=n).map(term).collect();
            let found = chi_square(|stream| hypergeometric(n, left, right, stream), &law);
            check(found, &format!("hypergeometric {n} {left} {right}"));
        }
    }
}
