//! Nothing to import: see `core.rs`, `mpc.rs` and `psi.rs`, run by `cargo bench`.
