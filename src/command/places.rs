//! Where operations are entered, named from where the user stands: rustc names files from the folder of the workspace.
//! What stands there is not looked at.

use std::collections::HashMap;
use std::path::PathBuf;

use super::project::metadata;
use crate::disk::shown;
use crate::judging::budget::Finding;

/// How files are named here.
pub(super) struct Places {
    /// `None` where it is the current folder, or cargo knows of none.
    workspace: Option<PathBuf>,
    known: HashMap<String, String>,
}

impl Places {
    pub(super) fn here() -> Self {
        let here = std::env::current_dir().ok();
        let workspace = metadata().ok().map(|metadata| metadata.workspace_root.clone().into_std_path_buf());
        Self { workspace: workspace.filter(|workspace| Some(workspace) != here.as_ref()), known: HashMap::new() }
    }

    /// Names the places of `findings` from here. A file that is not in the workspace keeps its name.
    pub(super) fn show(&mut self, findings: &mut [Finding]) {
        let Some(workspace) = &self.workspace else { return };
        for site in findings.iter_mut().flat_map(|finding| finding.site.iter_mut().chain(&mut finding.line)) {
            let file = &*site.file;
            let named = self.known.entry(file.into()).or_insert_with(|| {
                let path = workspace.join(file);
                if path.exists() { shown(&path) } else { file.into() }
            });
            site.file = named.clone().into();
        }
    }
}
