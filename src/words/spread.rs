//! The number by which what is looked up in a table is spread over it.

/// 2^64 divided by the golden ratio: multiplying by it spreads numbers over the upper bits (multiplicative hashing:
/// Knuth, The Art of Computer Programming, volume 3, section 6.4).
pub(crate) const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
