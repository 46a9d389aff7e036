//! Without the feature `lines`: addresses alone, which whoever has the program's symbols can look up.

use std::collections::{BTreeMap, BTreeSet};

use super::looked::Looked;
use super::modules::ModuleFiles;

/// Where these addresses of code stand.
pub(super) fn look_up(modules: &ModuleFiles, addresses: &BTreeSet<u64>) -> BTreeMap<u64, Vec<Looked>> {
    let look = |address| Looked { unresolved: Some(modules.find(address).1), ..Looked::default() };
    addresses.iter().map(|&address| (address, vec![look(address)])).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use crate::symbols::{InModule, symbolize};

    #[test]
    fn an_address_is_a_place_in_its_module_and_nothing_more() {
        let address = an_address_is_a_place_in_its_module_and_nothing_more as *const () as usize;
        let found = symbolize(&[vec![address + 1, 1], vec![]], &[file!()]);
        let [own, nowhere] = &found[0][..] else { panic!("two addresses are two frames: {found:?}") };
        let program = std::env::current_exe().expect("this program runs");
        let place = own.unresolved.as_ref().expect("nothing is looked up");
        assert!(program.ends_with(&place.module) && place.offset > 0, "{place:?}");
        assert_eq!((&own.function, &own.file, &place.build_id), (&None, &None, &None));
        assert_eq!(nowhere.unresolved, Some(InModule { module: String::new(), offset: 0, build_id: None }));
        assert!(found[1].is_empty());
    }
}
