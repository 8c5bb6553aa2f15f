//! Random numbers by counter: Philox 4×32-10 (Salmon et al. 2011), the same for any number of
//! threads.

mod add;
mod threefry;
mod tile;
mod words;

pub use add::{MOST_BOUNDS, Neurons, Part, add};
pub use threefry::split;
pub use tile::PURPOSE;
pub(crate) use tile::{TILE, tile};
pub use words::{counts, words};

use crate::lane::{Job, Lane, dispatch};

/// Rounds of a block.
pub(crate) const ROUNDS: usize = 10;
/// Multipliers of a round.
pub(crate) const MULTIPLY: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What a round adds to the key.
pub(crate) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Four random words of a counter under a key.
#[inline(always)] // so that it is compiled for the lanes of its caller
#[must_use]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k, mut l]) = (counter, key);
    for _ in 0..ROUNDS {
        let x = u64::from(MULTIPLY[0]) * u64::from(a);
        let y = u64::from(MULTIPLY[1]) * u64::from(c);
        a = (y >> 32) as u32 ^ b ^ k;
        b = y as u32;
        c = (x >> 32) as u32 ^ d ^ l;
        d = x as u32;
        k = k.wrapping_add(WEYL[0]);
        l = l.wrapping_add(WEYL[1]);
    }
    [a, b, c, d]
}

/// A number strictly between 0 and 1 from 52 of 64 random bits: the odd multiples of 2⁻⁵³.
#[inline]
#[must_use]
pub fn open_unit(high: u32, low: u32) -> f64 {
    let bits = (u64::from(high) << 32 | u64::from(low)) >> 12;
    (bits as f64 + 0.5) * (0.5f64).powi(52)
}

/// The random words of one stream of a seed: counter (draw, purpose, stream), key seed. `BLOCKS` blocks of four are drawn
/// at a time, which changes no word.
#[derive(Debug, Clone)]
pub struct Blocks<const BLOCKS: usize> {
    key: [u32; 2],
    counter: [u32; 4],
    words: [[u32; 4]; BLOCKS],
    used: usize,
}

/// A stream of which few words are drawn.
pub type Stream = Blocks<1>;

/// A stream of which many words are drawn.
pub(crate) type LongStream = Blocks<8>;

/// Draws the blocks of a counter and of those that follow it, in as many lanes as the machine has.
struct Following<const BLOCKS: usize>([u32; 4], [u32; 2]);

impl<const BLOCKS: usize> Job<f32> for Following<BLOCKS> {
    type Out = [[u32; 4]; BLOCKS];

    #[inline(always)]
    fn run<L: Lane<Elem = f32>>(self) -> Self::Out {
        let Self([first, purpose, low, high], key) = self;
        let mut words = [[0; BLOCKS]; 4];
        for k in 0..BLOCKS {
            let counter = [first.wrapping_add(k as u32), purpose, low, high];
            for (words, word) in words.iter_mut().zip(philox(counter, key)) {
                words[k] = word;
            }
        }
        std::array::from_fn(|k| words.map(|words| words[k]))
    }
}

impl<const BLOCKS: usize> Blocks<BLOCKS> {
    /// The stream with this number. `purpose` keeps the draws of different uses apart.
    #[must_use]
    pub fn new(seed: u64, stream: u64, purpose: u32) -> Self {
        let halves = |x: u64| [x as u32, (x >> 32) as u32];
        let [low, high] = halves(stream);
        let (counter, words) = ([0, purpose, low, high], [[0; 4]; BLOCKS]);
        Self { key: halves(seed), counter, words, used: 4 * BLOCKS }
    }

    /// The first two words of block `k` as a number between 0 and 1, apart from what comes next.
    #[inline]
    #[must_use]
    pub fn unit_at(&self, k: u32) -> f64 {
        let [_, purpose, low, high] = self.counter;
        let [a, b, ..] = philox([k, purpose, low, high], self.key);
        open_unit(a, b)
    }

    /// The next word.
    #[inline]
    pub fn word(&mut self) -> u32 {
        if self.used == 4 * BLOCKS {
            self.draw();
        }
        self.used += 1;
        self.words.as_flattened()[self.used - 1]
    }

    fn draw(&mut self) {
        self.words = if BLOCKS == 1 {
            [philox(self.counter, self.key); BLOCKS]
        } else {
            dispatch(Following(self.counter, self.key))
        };
        self.counter[0] = self.counter[0].wrapping_add(BLOCKS as u32);
        self.used = 0;
    }

    /// A number strictly between 0 and 1.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        open_unit(self.word(), self.word())
    }

    /// A number below `bound`, each with the same probability (Lemire 2019); 0 if `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        let mut wide = u64::from(self.word()) * u64::from(bound);
        if (wide as u32) < bound {
            let reject = bound.wrapping_neg() % bound;
            while (wide as u32) < reject {
                wide = u64::from(self.word()) * u64::from(bound);
            }
        }
        (wide >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of Random123's distribution, file `kat_vectors`.
    #[test]
    fn known_answers() {
        let ones = u32::MAX;
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([ones; 4], [ones; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox(counter, key), expected);
        }
    }

    #[test]
    fn units_lie_between_0_and_1() {
        assert!(open_unit(0, 0) > 0.0 && open_unit(u32::MAX, u32::MAX) < 1.0);
        assert_eq!(open_unit(1 << 31, 0) - 0.5, 0.5f64.powi(53));
        let mut stream = Stream::new(1, 2, 3);
        let first = stream.unit_at(0);
        assert_eq!(stream.unit(), first);
        stream.word();
        stream.word();
        assert_eq!(stream.unit(), stream.unit_at(1));
    }

    #[test]
    fn many_words_are_those_of_one_by_one() {
        let (mut few, mut many) = (Stream::new(5, 1 << 40 | 9, 2), LongStream::new(5, 1 << 40 | 9, 2));
        assert!((0..300).all(|_| few.word() == many.word()));
        assert!((1..300).all(|bound| few.below(bound) == many.below(bound)));
    }

    #[test]
    fn below_is_uniform() {
        let mut stream = Stream::new(7, 3, 0);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 1e4).powi(2) / 1e4).sum();
        assert!(chi2 < 22.5, "chi² {chi2} at 6 degrees of freedom");
        assert_eq!(stream.below(1), 0);
        assert_eq!(stream.below(0), 0);
    }
}
