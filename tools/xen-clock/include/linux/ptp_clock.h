/* SPDX-License-Identifier: GPL-2.0-only */
/* What there is of PTP clocks to read, so that it builds without the kernel's headers */
#ifndef _LINUX_PTP_CLOCK_SHIM_H
#define _LINUX_PTP_CLOCK_SHIM_H

#include <sys/ioctl.h>

#include <linux/types.h>

#define PTP_MAX_SAMPLES		25

struct ptp_clock_time {
	s64 sec;
	u32 nsec;
	u32 reserved;
};

/* Of each sample: CLOCK_REALTIME, the PTP clock, CLOCK_REALTIME */
struct ptp_sys_offset_extended {
	u32 n_samples;
	u32 rsv[3];
	struct ptp_clock_time ts[PTP_MAX_SAMPLES][3];
};

/* At one moment */
struct ptp_sys_offset_precise {
	struct ptp_clock_time device;
	struct ptp_clock_time sys_realtime;
	struct ptp_clock_time sys_monoraw;
	u32 rsv[4];
};

#define PTP_SYS_OFFSET_PRECISE	_IOWR('=', 8, struct ptp_sys_offset_precise)
#define PTP_SYS_OFFSET_EXTENDED	_IOWR('=', 9, struct ptp_sys_offset_extended)

#endif
