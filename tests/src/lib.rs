//! Whole-mesh tests and house-rule tests of Tulle.
