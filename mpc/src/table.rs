//! Tables of shared columns: operations that move rows.

pub mod sort;
