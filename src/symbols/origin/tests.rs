//! Whose code it is, by made-up paths and names.

use super::*;

fn of_crate(name: &str, version: impl Into<Option<&'static str>>) -> Origin {
    Origin::Crate { name: name.into(), version: version.into().map(String::from) }
}

fn frame(file: Option<&str>, function: Option<&str>) -> CallFrame {
    let ground = Ground { workspace: Some("/home-of/me/ws".into()), ours: None };
    let looked = Looked { file: file.map(String::from), function: function.map(String::from), ..Looked::default() };
    ground.frame(looked)
}

#[test]
fn a_path_says_whose_it_is_and_nothing_of_the_machine() {
    let registry = "/home-of/me/.cargo/registry/src/a.b.c-1949cf8c6b5b557f";
    for (path, origin, shown) in [
        ("/rustc/59807616e1fa/library/alloc/src/vec/mod.rs", Origin::Std, "library/alloc/src/vec/mod.rs"),
        ("/rust/deps/hashbrown-0.15.2/src/raw.rs", Origin::Std, "hashbrown-0.15.2/src/raw.rs"),
        ("/home-of/me/t/lib/rustlib/src/rust/library/core/src/a.rs", Origin::Std, "library/core/src/a.rs"),
        (&format!("{registry}/tantivy-0.27.0/src/a/b.rs"), of_crate("tantivy", "0.27.0"), "src/a/b.rs"),
        (&format!("{registry}/sha-1-0.10.1/src/a.rs"), of_crate("sha-1", "0.10.1"), "src/a.rs"),
        (&format!("{registry}/a-b-1.0.0-rc.1+c-2.3.4/a.c"), of_crate("a-b", "1.0.0-rc.1+c-2.3.4"), "a.c"),
        (&format!("{registry}/heapledger-0.1.0/src/lib.rs"), Origin::Heapledger, "src/lib.rs"),
        (
            "/home-of/me/.cargo/git/checkouts/tantivy-b31a5eb4ec/a1b2c3d/src/a.rs",
            of_crate("tantivy", "a1b2c3d"),
            "src/a.rs",
        ),
        ("/home-of/me/ws/app/src/cache.rs", Origin::Workspace, "app/src/cache.rs"),
        ("/home-of/me/ws/vendor/tantivy/src/a.rs", of_crate("tantivy", None), "src/a.rs"),
        ("/home-of/me/ws/vendor/tantivy-0.2.7/src/a.rs", of_crate("tantivy", "0.2.7"), "src/a.rs"),
        ("app/src/cache.rs", Origin::Workspace, "app/src/cache.rs"),
        ("/home-of/me/ws2/src/lib.rs", Origin::PathDependency, "/home-of/me/ws2/src/lib.rs"),
        ("/build/glibc-1/malloc/malloc.c", Origin::Unknown, "/build/glibc-1/malloc/malloc.c"),
        ("./malloc/malloc.c", Origin::Unknown, "./malloc/malloc.c"),
        ("./app/src/cache.rs", Origin::Workspace, "./app/src/cache.rs"),
    ] {
        let frame = frame(Some(path), Some("app::run"));
        assert_eq!((frame.origin, frame.file.as_deref()), (origin, Some(shown)), "{path}");
    }
}

#[test]
fn the_ledger_s_own_sources_are_known_wherever_they_lie() {
    // Here it is the workspace, so rustc saw it by relative paths.
    assert_eq!(our_sources(), "src/");
    let ground = Ground { workspace: Some("/a/heapledger".into()), ours: Some("src/".into()) };
    let of = |path: &str| {
        let (origin, shown) = ground.of_path(path);
        (origin, shown.to_string())
    };
    assert_eq!(of("/a/heapledger/src/front/scope.rs"), (Origin::Heapledger, "src/front/scope.rs".into()));
    assert_eq!(of("/a/heapledger/tests/a.rs"), (Origin::Workspace, "tests/a.rs".into()));
}

#[test]
fn a_name_without_a_path_says_what_it_can() {
    for (name, origin) in [
        ("alloc::raw_vec::RawVec<T,A>::grow_one", Origin::Std),
        ("<alloc::vec::Vec<T> as core::ops::Drop>::drop", Origin::Std),
        ("<&mut core::fmt::Formatter as core::fmt::Write>::write_str", Origin::Std),
        ("<dyn core::any::Any>::is", Origin::Std),
        ("<app::Foo as core::ops::Drop>::drop", Origin::Unknown),
        ("heapledger::front::scope::measure", Origin::Heapledger),
        ("std::sys::backtrace::__rust_begin_short_backtrace", Origin::Std),
        ("__rust_alloc", Origin::Heapledger),
        ("__rustc::__rust_alloc_zeroed", Origin::Heapledger),
        ("__rust_try", Origin::Std),
        ("app::std::fill", Origin::Unknown),
        ("allocate", Origin::Unknown),
        ("core", Origin::Unknown),
        ("", Origin::Unknown),
    ] {
        assert_eq!(frame(None, Some(name)).origin, origin, "{name}");
    }
    // It stands in the user's file, where the `static` is.
    assert_eq!(frame(Some("/home-of/me/ws/src/main.rs"), Some("__rustc::__rust_alloc")).origin, Origin::Heapledger);
    assert_eq!(frame(None, None).origin, Origin::Unknown);
}

#[cfg(all(feature = "cli", target_os = "linux"))]
#[test]
fn the_ledger_s_sources_in_another_program_are_where_its_functions_are() {
    let looked = |function: &str, file: &str| Looked {
        function: Some(function.into()),
        file: Some(file.into()),
        ..Looked::default()
    };
    let of = |function, file| our_sources_in([looked(function, file)].iter());
    let own = looked("heapledger::record::count::count", "/a/src/ledger/src/record/count.rs");
    let ours = our_sources_in([looked("app::run", "/a/app/src/lib.rs"), own].iter());
    assert_eq!(ours.as_deref(), Some("/a/src/ledger/src/"));
    assert_eq!(of("app::run", "/a/app/src/lib.rs"), None);
    assert_eq!(of("heapledger::count", "/rustc/5980/library/src/a.rs"), None);
    let ground = Ground { workspace: Some("/a/src".into()), ours };
    assert_eq!(ground.of_path("/a/src/ledger/src/lib.rs"), (Origin::Heapledger, "src/lib.rs"));
    assert_eq!(ground.of_path("/a/src/src/lib.rs"), (Origin::Workspace, "src/lib.rs"));
}
