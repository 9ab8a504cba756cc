//! Small numbers for what a session holds.
//!
//! Every party runs the same program, so every party's session hands out the
//! same numbers: a handle means the same thing at all of them, also where the
//! values behind it are at another party or shared.

use serde::{Deserialize, Serialize};

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);
    )*};
}
handles! {
    /// A bound or joint table.
    TableId;
    /// A fitted transformation of columns.
    TransformId;
    /// A fitted model.
    ModelId;
    /// Shared numbers that only a release can open: scores, metrics.
    ValueId;
}
