//! materialize
