//! A calendar of refractory neurons: for each step the neurons whose refractory period ends in it.
//!
//! A spike enters its neuron, and the step in which the period ends takes it out. In the steps between, the program of
//! the population only reads one bit of the neuron. Neurons that are due in the same step form a chain: `first` of the
//! step is the first one, `next` of each neuron the one after it; both hold the number of the neuron plus 1, and 0 ends
//! the chain.

const WORD: usize = u64::BITS as usize;

/// The memory of a calendar; all zeros are an empty one.
#[derive(Debug)]
pub struct Calendar<'a> {
    /// The last step that was begun.
    pub now: &'a mut u32,
    /// The bits of the neurons that wait.
    pub waits: &'a mut [u64],
    /// For each neuron the step in which its refractory period ends.
    pub due: &'a mut [u32],
    /// For each neuron the next one that is due in the same step.
    pub next: &'a mut [u32],
    /// The first neuron that is due in a step, modulo the number of them.
    pub first: &'a mut [u32],
}

impl Calendar<'_> {
    /// Enters neurons that have so many steps left. False if that is a number that a calendar does not hold: then
    /// nothing is entered.
    #[must_use]
    pub fn enter(&mut self, left: &[f32]) -> bool {
        let holds = self.holds(left);
        if holds {
            for (block, left) in left.chunks(WORD).enumerate().filter(|(_, left)| !are_zeros(left)) {
                for (k, &steps) in left.iter().enumerate() {
                    self.wait(block * WORD + k, steps as u32);
                }
            }
        }
        holds
    }

    /// Whether all these are numbers of steps that a calendar holds.
    #[must_use]
    pub fn holds(&self, steps: &[f32]) -> bool {
        let most = self.first.len() as f32 - 1.0;
        let fits = |&x: &f32| x.is_sign_positive() && x <= most && (x as u32) as f32 == x;
        steps.chunks(WORD).all(|steps| are_zeros(steps) || steps.iter().all(fits))
    }

    /// Begins the next step: the refractory period of the neurons that are due in it ends.
    pub fn begin_step(&mut self) {
        *self.now += 1;
        let slot = *self.now as usize % self.first.len();
        let mut entry = std::mem::take(&mut self.first[slot]);
        while entry != 0 {
            let neuron = entry as usize - 1;
            self.waits[neuron / WORD] &= !(1 << (neuron % WORD));
            entry = self.next[neuron];
        }
    }

    /// Lets a neuron that is not entered wait until so many steps later.
    #[inline]
    pub fn wait(&mut self, neuron: usize, steps: u32) {
        if steps == 0 {
            return;
        }
        let due = *self.now + steps;
        let slot = due as usize % self.first.len();
        self.due[neuron] = due;
        self.next[neuron] = self.first[slot];
        self.first[slot] = neuron as u32 + 1;
        self.waits[neuron / WORD] |= 1 << (neuron % WORD);
    }
}

/// Whether all are +0, as those of most neurons are.
fn are_zeros(steps: &[f32]) -> bool {
    steps.iter().fold(0, |bits, x| bits | x.to_bits()) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: usize = 8;

    /// Steps left, counted for each neuron as the model does.
    fn counted(left: &mut [f32], spikes: &[usize], period: f32) -> Vec<bool> {
        let waits = left.iter().map(|x| (x - 1.0).max(0.0) > 0.0).collect();
        for x in left.iter_mut() {
            *x = (*x - 1.0).max(0.0);
        }
        for &k in spikes {
            left[k] = period;
        }
        waits
    }

    #[test]
    fn tells_who_waits_and_how_long_as_counting_does() {
        let n = 130;
        let mut left: Vec<f32> = (0..n).map(|k| (k % SLOTS) as f32).collect();
        let (mut now, mut waits, mut first) = (0, [0; 3], [0; SLOTS]);
        let (mut due, mut next) = (vec![0; n], vec![0; n]);
        let mut calendar =
            Calendar { now: &mut now, waits: &mut waits, due: &mut due, next: &mut next, first: &mut first };
        assert!(calendar.enter(&left));
        for step in 0..60 {
            let period = (step % SLOTS) as f32;
            let free = |k: &usize| left[*k] <= 1.0 && (k * 7 + step * 13).is_multiple_of(11);
            let spikes: Vec<usize> = (0..n).filter(free).collect();
            calendar.begin_step();
            let bits = |k: usize| calendar.waits[k / WORD] >> (k % WORD) & 1 == 1;
            let waits: Vec<bool> = (0..n).map(bits).collect();
            for &k in &spikes {
                calendar.wait(k, period as u32);
            }
            assert_eq!(waits, counted(&mut left, &spikes, period), "{step}");
            let after: Vec<f32> =
                (0..n).map(|k| calendar.due[k].saturating_sub(*calendar.now) as f32).collect();
            assert_eq!(after, left, "{step}");
        }
    }

    #[test]
    fn refuses_what_is_no_number_of_steps() {
        let (mut now, mut waits, mut first) = (0, [0], [0; SLOTS]);
        let (mut due, mut next) = ([0; 2], [0; 2]);
        let mut calendar =
            Calendar { now: &mut now, waits: &mut waits, due: &mut due, next: &mut next, first: &mut first };
        for wrong in [0.5, -1.0, -0.0, f32::NAN, f32::INFINITY, SLOTS as f32] {
            assert!(!calendar.enter(&[3.0, wrong]), "{wrong}");
        }
        assert_eq!(*calendar.waits, [0]);
        assert!(calendar.enter(&[3.0, 7.0]));
        assert_eq!(*calendar.waits, [3]);
    }
}
