//! What to try next.

mod contract;
mod kind;
mod random;
mod tpe;

pub use self::contract::Sampler;
pub use self::kind::SamplerKind;
pub use self::random::RandomSampler;
pub use self::tpe::Tpe;
