//! Nothing to import: the benches stand beside this folder; `cargo bench` runs them.
