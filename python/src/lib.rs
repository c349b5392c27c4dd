//! The module xtream_core.
