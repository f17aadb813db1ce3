//! The stored form of a catalog.
