//! Tables in documents that tests make.
#![allow(dead_code, clippy::expect_used)]

/// Holds what stands in `docs/<file>` between `<!-- name -->` and
/// `<!-- /name -->` against `table`; with `PRIVITY_UPDATE=1` it is written anew.
pub(crate) fn holds(file: &str, name: &str, table: &str) {
    let path = format!("{}/../docs/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the document");
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (head, rest) = text.split_once(&open).expect("a place for the table");
    let (old, tail) = rest.split_once(&close).expect("its end");
    if std::env::var_os("PRIVITY_UPDATE").is_some() {
        std::fs::write(&path, format!("{head}{open}{table}{close}{tail}")).expect("the document");
    } else {
        assert_eq!(old, table, "docs/{file}: run with PRIVITY_UPDATE=1");
    }
}
