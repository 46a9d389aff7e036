//! Classes of sizes of blocks: those of one class have the same highest bit.

/// Names a class of sizes: how many bits they have, which is never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClassId(u32);

impl ClassId {
    /// Bits of a name.
    pub(crate) const BITS: u32 = usize::BITS.trailing_zeros();

    /// The class of blocks of this size. None has less than a byte.
    #[inline(always)]
    pub(crate) fn of(size: usize) -> Self {
        Self(usize::BITS - (size | 1).leading_zeros())
    }

    /// The class with this number, which is neither zero nor `1 << BITS`.
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The class whose smallest size this is.
    #[cfg(feature = "json")]
    pub(crate) fn beginning_with(size: u64) -> Option<Self> {
        let size = usize::try_from(size).ok().filter(|size| size.is_power_of_two())?;
        Some(Self::of(size)).filter(|class| class.0 < usize::BITS)
    }

    #[inline(always)]
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn smallest(self) -> u64 {
        1 << (self.0 - 1)
    }

    pub(crate) const fn largest(self) -> u64 {
        self.smallest() | (self.smallest() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_between_the_bounds_of_its_class_and_the_classes_leave_no_gap() {
        for size in (1..=70_000).chain([isize::MAX as usize - 1, isize::MAX as usize]) {
            let class = ClassId::of(size);
            assert!((class.smallest()..=class.largest()).contains(&(size as u64)), "{size}");
            assert!((1..1 << ClassId::BITS).contains(&class.number()));
        }
        for number in 2..usize::BITS {
            assert_eq!(ClassId::new(number).smallest(), ClassId::new(number - 1).largest() + 1);
        }
    }
}
