//! From the program's unwind tables (`.eh_frame`) to one rule. A frame whose rule cannot be said in one word, as after
//! realignment by GCC or in a signal's trampoline, has none: nothing is guessed.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, LittleEndian, Pointer, ReaderOffset, Register,
    RegisterRule, UnwindContext, UnwindContextStorage, UnwindSection, UnwindTableRow, X86_64,
};

use super::modules::Module;
use super::rule::{Base, UnwindRule};

/// Memory on the stack for the rules of one row, and for the rows that code remembers.
struct OnTheStack;

/// More registers than compilers save.
const MOST_REGISTERS: usize = 24;
/// More rows than compilers remember, and the row itself.
const MOST_ROWS: usize = 4;

impl<T: ReaderOffset> UnwindContextStorage<T> for OnTheStack {
    type Rules = [(Register, RegisterRule<T>); MOST_REGISTERS];
    type Stack = [UnwindTableRow<T, Self>; MOST_ROWS];
}

/// The size of an address on x86-64.
const ADDRESS: u8 = 8;
/// From a frame's address to where a call pushed the return address.
const RETURN_ADDRESS: i64 = -8;

/// The rule for code at `pc`, which `module` holds.
#[cold]
#[inline(never)]
pub(super) fn compile(module: &Module, pc: u64) -> UnwindRule {
    rule_in_tables(module, pc).unwrap_or(UnwindRule::NONE)
}

fn rule_in_tables(module: &Module, pc: u64) -> Option<UnwindRule> {
    let address = |bytes: &[u8]| bytes.as_ptr().addr() as u64;
    let header = module.header();
    let bases = BaseAddresses::default().set_eh_frame_hdr(address(header));
    let parsed = EhFrameHdr::new(header, LittleEndian).parse(&bases, ADDRESS).ok()?;
    let Pointer::Direct(tables_at) = parsed.eh_frame_ptr() else { return None };
    let segment = module.segment();
    let tables = segment.get(usize::try_from(tables_at.checked_sub(address(segment))?).ok()?..)?;
    let bases = bases.set_eh_frame(tables_at);
    let mut frames = EhFrame::from(EndianSlice::new(tables, LittleEndian));
    frames.set_address_size(ADDRESS);
    let table = parsed.table()?;
    let entry = table.fde_for_address(&frames, &bases, pc, EhFrame::cie_from_offset).ok()?;
    if entry.is_signal_trampoline() {
        return None;
    }
    let mut context = UnwindContext::<usize, OnTheStack>::new_in();
    rule_of(entry.unwind_info_for_address(&frames, &bases, &mut context, pc).ok()?)
}

/// The rule that a row of an unwind table says.
fn rule_of(row: &UnwindTableRow<usize, OnTheStack>) -> Option<UnwindRule> {
    match row.register(X86_64::RA) {
        None | Some(RegisterRule::Undefined) => return Some(UnwindRule::OUTERMOST),
        Some(RegisterRule::Offset(RETURN_ADDRESS)) => {}
        _ => return None,
    }
    let (base, distance) = match *row.cfa() {
        CfaRule::RegisterAndOffset { register: X86_64::RSP, offset } => (Base::Sp, offset),
        CfaRule::RegisterAndOffset { register: X86_64::RBP, offset } => (Base::Bp, offset),
        _ => return None,
    };
    let bp = match row.register(X86_64::RBP) {
        None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => None,
        Some(RegisterRule::Offset(at)) => Some(at),
        _ => return None,
    };
    UnwindRule::new(base, distance, bp)
}
