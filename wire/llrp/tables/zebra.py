"""Zebra's (Motorola's) LLRP extensions (PEN 161): those whose bytes were seen on a FX9600 (firmware 3.32.37).

Zebra's printed guide and the bytes of its readers disagree on reserved bits, so only what was captured is listed
here. Anything else stays an opaque `Custom`.
"""

from __future__ import annotations

from typing import Final

VENDOR: Final = 161

MESSAGES: Final = """
MOTO_GET_TAG_EVENT_REPORT 2
MOTO_TAG_EVENT_NOTIFY 5
"""

PARAMETERS: Final = """
MotoGeneralCapabilities 1
    Version:u32 CanGetGeneralParams:u1 CanReportPartNumber:u1 CanReportRadioVersion:u1
    CanSupportRadioPowerState:u1 CanSupportRadioTransmitDelay:u1 CanSupportZebraTrigger:u1 _:2
MotoAutonomousCapabilities 100
    Version:u32 CanSupportAutonomousMode:u1 _:7
MotoAutonomousState 101
    AutonomousModeState:u1 _:7
MotoTagEventsGenerationCapabilities 120
    Version:u32 CanSelectTagEvents:u1 CanSelectTagReportingFormat:u1 CanSelectMovingEvent:u1 _:5
MotoTagReportMode 122
    ReportFormat:u8
MotoPersistenceCapabilities 300
    Version:u32 CanSaveConfiguration:u1 CanSaveTags:u1 CanSaveEvents:u1 _:5
MotoPersistenceSaveParams 350
    SaveConfiguration:u1 SaveTagData:u1 SaveTagEventData:u1 _:5
MotoRadioPowerState 500
    RadioPowerState:u1 _:7
MotoAntennaStopCondition 704
    AntennaStopTrigger:u8 AntennaStopConditionValue:u16
MotoTagReportContentSelector 708
    EnableZoneID:u1 EnableZoneName:u1 EnableAntennaPhysicalPortConfig:u1 EnablePhase:u1 EnableGPS:u1
    EnableMLTReport:u1 _:26
MotoTagPhase 709
    Phase:s16
MotoAntennaQueryConfig 710
    EnableSLAll:u1 EnableABFlip:u1 _:14
BrandIDCheckStatus 712
    BrandID:u8
"""
