//! The deciders.
