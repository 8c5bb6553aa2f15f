//! Rules that build connectivity: compressed rows from a seed, the same for any number of threads.

mod fixed_out_degree;

pub use fixed_out_degree::fixed_out_degree;
