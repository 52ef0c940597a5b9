//! How many applications and waiting devices there may be where somebody makes one. Whoever fills one place leaves room in
//! those around it; the operator, who answers for the whole, is stopped by the size of the whole alone. It refuses to count:
//! the store does.

use std::net::IpAddr;

use holdfast_access::Actor;
use holdfast_model::{Counted, MetadataError, Read};

use crate::{
    application,
    limits::{
        MAX_APPLICATIONS, MAX_APPLICATIONS_OF_OTHERS, MAX_APPLICATIONS_PER_AUTHOR, MAX_DEVICES, MAX_DEVICES_FAR,
        MAX_DEVICES_NEAR, MAX_DEVICES_OF_SOME,
    },
};

/// Room for another application of an author, as its row names the one.
pub(crate) fn check_applications(read: &mut dyn Read, by: &Actor, author: &str) -> Result<(), application::Error> {
    let is_operator = *by == Actor::Operator;
    if !is_operator && read.count(Counted::ApplicationsBy(author))? >= MAX_APPLICATIONS_PER_AUTHOR {
        let limit = MAX_APPLICATIONS_PER_AUTHOR;
        return Err(application::Error::TooManyOfAuthor { limit });
    }
    let limit = if is_operator {
        MAX_APPLICATIONS
    } else {
        MAX_APPLICATIONS_OF_OTHERS
    };
    if read.count(Counted::Applications)? >= limit {
        return Err(application::Error::TooMany { limit });
    }
    Ok(())
}

/// Whether another device may wait. No network takes the places of those that have none.
pub(crate) fn has_room_for_device(
    read: &mut dyn Read,
    near: IpAddr,
    far: Option<IpAddr>,
) -> Result<bool, MetadataError> {
    let (all, from_near) = (read.count(Counted::Devices)?, read.count(Counted::DevicesNear(near))?);
    let from_far = match far {
        Some(far) => read.count(Counted::DevicesFar(far))?,
        None => 0,
    };
    let most = if from_near + from_far == 0 {
        MAX_DEVICES
    } else {
        MAX_DEVICES_OF_SOME
    };
    Ok(all < most && from_near < MAX_DEVICES_NEAR && from_far < MAX_DEVICES_FAR)
}
