//! What an environment variable asks to capture: paths or globs with commas in between, each with a distance of samples
//! behind it if it likes, `index_build,search/*@512KiB`. Where that is written is for others to know.

use super::pattern::{Glob, glob};
use super::text::short;

/// Operations that are to be captured.
#[derive(Clone, Debug)]
pub(crate) struct CaptureRequest {
    pub(crate) glob: Glob,
    /// How many bytes lie between two samples on average; one or less where every block is to be captured.
    pub(crate) every: u64,
}

/// Each capture that `text` asks for, or what is wrong with it.
pub(crate) fn capture_requests(text: &str) -> impl Iterator<Item = Result<CaptureRequest, String>> {
    text.split(',').map(str::trim).filter(|request| !request.is_empty()).map(capture_request)
}

fn capture_request(text: &str) -> Result<CaptureRequest, String> {
    // A name may have an `@`, too: a size begins with a digit.
    let is_size = |size: &str| size.trim_start().starts_with(|one: char| one.is_ascii_digit());
    let (path, every) = match text.rsplit_once('@').filter(|(_, size)| is_size(size)) {
        Some((path, size)) => {
            let wrong = || {
                let (size, path) = (short(size), short(path));
                format!("`{size}` is no size: write a whole number and B, KiB, MiB or GiB, as in `{path}@512KiB`")
            };
            (path.trim_end(), bytes(size.trim()).ok_or_else(wrong)?)
        }
        None => (text, 1),
    };
    if path.is_empty() {
        return Err(format!("`{}` names no operation: write a path or a glob before the `@`", short(text)));
    }
    Ok(CaptureRequest { glob: glob(path)?, every })
}

/// `512KiB` in bytes.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|one: char| !one.is_ascii_digit())?);
    let size = match unit.trim_start() {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<u64, String>> {
        capture_requests(text).map(|request| request.map(|request| request.every)).collect()
    }

    #[test]
    fn paths_and_globs_stand_beside_each_other_each_with_its_own_distance() {
        let all = Vec::from_iter(capture_requests(" index_build , search/*@512KiB,,user@host,user@host@2 MiB, a@0B ,"));
        let all = Vec::from_iter(all.into_iter().map(|request| request.expect("it is valid")));
        assert_eq!(Vec::from_iter(all.iter().map(|one| one.every)), [1, 512 << 10, 1, 2 << 20, 0]);
        assert!(all[1].glob.covers(&["search", "parse", "below"]) && !all[1].glob.covers(&["search"]));
        assert!(all[2].glob.covers(&["user@host"]) && all[3].glob.covers(&["user@host"]));
        assert!(read("").is_empty() && read(" , ").is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write_and_the_rest_counts() {
        let said = read("ok,a@512,b@5 kB,@4KiB,index[,c\u{1b}@99999999999999999999B,d@17179869184GiB");
        assert_eq!(said[0], Ok(1));
        let wrong = |at: usize| said[at].clone().expect_err("it is wrong");
        let sizes = "is no size: write a whole number and B, KiB, MiB or GiB, as in";
        assert_eq!(wrong(1), format!("`512` {sizes} `a@512KiB`"));
        assert_eq!(wrong(2), format!("`5 kB` {sizes} `b@512KiB`"));
        assert_eq!(wrong(3), "`@4KiB` names no operation: write a path or a glob before the `@`");
        assert!(wrong(4).starts_with("`index[` is no valid glob"), "{}", wrong(4));
        assert!(wrong(5).ends_with("as in `c\\u{1b}@512KiB`"), "{}", wrong(5));
        assert!(wrong(6).starts_with("`17179869184GiB` is no size"), "{}", wrong(6));
        assert_eq!(said.len(), 7);
    }
}
