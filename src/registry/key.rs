//! How an operation is looked up: by what it is nested in, and its name, so that no path has to be put together.
//! Neither of them ever changes.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

use crate::words::{Node, OperationId, UNATTRIBUTED};

/// The id under which operations nested in `parent` are looked up: that of `(unattributed)` if there is no parent. A
/// node keeps it.
pub(super) fn parent_id(parent: Option<&Node>) -> OperationId {
    parent.map_or(UNATTRIBUTED.id, |parent| parent.id)
}

/// What operations are looked up by: the id of the parent, and the name.
pub(super) trait Key {
    fn parts(&self) -> (OperationId, &str);
}

impl Key for (OperationId, &str) {
    fn parts(&self) -> (OperationId, &str) {
        *self
    }
}

/// An operation that a name finds.
pub(super) struct Findable(pub(super) &'static Node);

impl Key for Findable {
    fn parts(&self) -> (OperationId, &str) {
        (self.0.within, self.0.name)
    }
}

impl Hash for dyn Key + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for dyn Key + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn Key + '_ {}

impl Hash for Findable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for Findable {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Findable {}

impl<'a> Borrow<dyn Key + 'a> for Findable {
    fn borrow(&self) -> &(dyn Key + 'a) {
        self
    }
}
