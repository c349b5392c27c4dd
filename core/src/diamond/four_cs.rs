//! Weight and grades by themselves, for whoever looks for stones and not for a price.

use super::fault::Fault;
use super::parse::RawDiamond;
use super::stone::FourCs;

impl RawDiamond<'_> {
    /// Weight and grades alone; nobody looks at the measurements.
    ///
    /// # Errors
    /// Every fault of weight and grades, with what was likely meant.
    pub fn four_cs(&self) -> Result<FourCs, Vec<Fault>> {
        let mut faults = Vec::new();
        let four_cs = self.collect_four_cs(&mut faults);
        four_cs.ok_or_else(|| self.explained(faults))
    }
}
