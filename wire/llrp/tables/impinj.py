"""Impinj's LLRP extensions (PEN 25882): what a stock reader needs of them.

Facts of Impinj's published Octane LLRP definitions: subtype, fields, parameters. Every Impinj parameter may end in
further custom parameters. Anything not listed here stays an opaque `Custom`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

VENDOR: Final = 25882

MESSAGES: Final = """
IMPINJ_ENABLE_EXTENSIONS 21
    _:32
  + Custom:0-N
IMPINJ_ENABLE_EXTENSIONS_RESPONSE 22
  + LLRPStatus:1 Custom:0-N
IMPINJ_SAVE_SETTINGS 23
    SaveConfiguration:u1 _:7
  + Custom:0-N
IMPINJ_SAVE_SETTINGS_RESPONSE 24
  + LLRPStatus:1 Custom:0-N
"""

PARAMETERS: Final = """
ImpinjRequestedData 21
    RequestedData:u32:ImpinjRequestedDataType
  + Custom:0-N
ImpinjSubRegulatoryRegion 22
    RegulatoryRegion:u16
  + Custom:0-N
ImpinjInventorySearchMode 23
    InventorySearchMode:u16:ImpinjInventorySearchType
  + Custom:0-N
ImpinjFixedFrequencyList 26
    FixedFrequencyMode:u16:ImpinjFixedFrequencyMode _:16 ChannelList:u16v
  + Custom:0-N
ImpinjReducedPowerFrequencyList 27
    ReducedPowerMode:u16 _:16 ChannelList:u16v
  + Custom:0-N
ImpinjLowDutyCycle 28
    LowDutyCycleMode:u16:ImpinjSwitch EmptyFieldTimeout:u16 FieldPingInterval:u16
  + Custom:0-N
ImpinjDetailedVersion 29
    ModelName:utf8v SerialNumber:utf8v SoftwareVersion:utf8v FirmwareVersion:utf8v FPGAVersion:utf8v
    PCBAVersion:utf8v
  + ImpinjHubVersions:0-1 ImpinjArrayVersion:0-1 ImpinjBLEVersion:0-1 Custom:0-N
ImpinjFrequencyCapabilities 30
    FrequencyList:u32v
  + Custom:0-N
ImpinjGPIDebounceConfiguration 36
    GPIPortNum:u16 GPIDebounceTimerMSec:u32
  + Custom:0-N
ImpinjReaderTemperature 37
    Temperature:s16
  + Custom:0-N
ImpinjLinkMonitorConfiguration 38
    LinkMonitorMode:u16:ImpinjSwitch LinkDownThreshold:u16
  + Custom:0-N
ImpinjReportBufferConfiguration 39
    ReportBufferMode:u16:ImpinjReportBufferMode
  + Custom:0-N
ImpinjAccessSpecConfiguration 40
  + ImpinjBlockWriteWordCount:0-1 ImpinjOpSpecRetryCount:0-1 ImpinjAccessSpecOrdering:0-1 Custom:0-N
ImpinjBlockWriteWordCount 41
    WordCount:u16
  + Custom:0-N
ImpinjTagReportContentSelector 50
  + ImpinjEnableSerializedTID:0-1 ImpinjEnableRFPhaseAngle:0-1 ImpinjEnablePeakRSSI:0-1
  + ImpinjEnableGPSCoordinates:0-1 ImpinjEnableOptimizedRead:0-1 ImpinjEnableRFDopplerFrequency:0-1
  + ImpinjEnableTxPower:0-1 ImpinjEnableXPCWords:0-1 Custom:0-N
ImpinjEnableSerializedTID 51
    SerializedTIDMode:u16:ImpinjSwitch
  + Custom:0-N
ImpinjEnableRFPhaseAngle 52
    RFPhaseAngleMode:u16:ImpinjSwitch
  + Custom:0-N
ImpinjEnablePeakRSSI 53
    PeakRSSIMode:u16:ImpinjSwitch
  + Custom:0-N
ImpinjEnableGPSCoordinates 54
    GPSCoordinatesMode:u16:ImpinjSwitch
  + Custom:0-N
ImpinjSerializedTID 55
    TID:u16v
  + ImpinjTIDParity:0-1 Custom:0-N
ImpinjRFPhaseAngle 56
    PhaseAngle:u16
  + Custom:0-N
ImpinjPeakRSSI 57
    RSSI:s16
  + Custom:0-N
ImpinjGPSCoordinates 58
    Latitude:s32 Longitude:s32
  + Custom:0-N
ImpinjLoopSpec 59
    LoopCount:u32
  + Custom:0-N
ImpinjOpSpecRetryCount 63
    RetryCount:u16
  + Custom:0-N
ImpinjAdvancedGPOConfiguration 64
    GPOPortNum:u16 GPOMode:u16 GPOPulseDurationMSec:u32
  + Custom:0-N
ImpinjEnableOptimizedRead 65
    OptimizedReadMode:u16:ImpinjSwitch
  + C1G2Read:0-N Custom:0-N
ImpinjAccessSpecOrdering 66
    OrderingMode:u16
  + Custom:0-N
ImpinjEnableRFDopplerFrequency 67
    RFDopplerFrequencyMode:u16:ImpinjSwitch
  + Custom:0-N
ImpinjRFDopplerFrequency 68
    DopplerFrequency:s16
  + Custom:0-N
ImpinjInventoryConfiguration 69
    EnableAntDwellTimeLimit:u1 EnableSelectGapClose:u1 _:6
  + Custom:0-N
ImpinjEnableTxPower 72
    TxPowerReportingMode:u16:ImpinjSwitch
  + Custom:0-N
ImpinjTxPower 73
    TxPower:u16
  + Custom:0-N
ImpinjEnableXPCWords 74
    XPCWordsMode:u16:ImpinjSwitch
  + Custom:0-N
ImpinjXPCWords 75
    XPCWords:u16v
  + Custom:0-N
ImpinjArrayVersion 1520
    SerialNumber:utf8v FirmwareVersion:utf8v PCBAVersion:utf8v
  + Custom:0-N
ImpinjAntennaConfiguration 1524
  + ImpinjAntennaEventHysteresis:0-1 ImpinjAntennaEventConfiguration:0-1 Custom:0-N
ImpinjAntennaEventHysteresis 1526
    AntennaEventConnected:u64 AntennaEventDisconnected:u64
  + Custom:0-N
ImpinjHubVersions 1537
  + ImpinjArrayVersion:1-N Custom:0-N
ImpinjHubConfiguration 1538
    HubID:u16 Connected:u16:ImpinjHubConnectedType Fault:u16:ImpinjHubFaultType
  + Custom:0-N
ImpinjIntelligentAntennaManagement 1554
    ManagementEnabled:u1 _:7
  + Custom:0-N
ImpinjTIDParity 1566
    ParityError:u1 _:7
  + Custom:0-N
ImpinjAntennaEventConfiguration 1576
    EnableAntennaAttemptNotification:u1 _:7
  + Custom:0-N
ImpinjAntennaAttemptEvent 1577
    AntennaID:u16
  + Custom:0-N
ImpinjBLEVersion 1580
    FirmwareVersion:utf8v
  + Custom:0-N
ImpinjRFPowerSweep 1582
    EnableRFPowerSweep:u1 _:7 MinimumPowerLevel:u16 PowerLevelStepSize:u16
  + Custom:0-N
"""

RESPONSES: Final = {
    "IMPINJ_ENABLE_EXTENSIONS": "IMPINJ_ENABLE_EXTENSIONS_RESPONSE",
    "IMPINJ_SAVE_SETTINGS": "IMPINJ_SAVE_SETTINGS_RESPONSE",
}


class ImpinjSwitch(IntEnum):
    """Every on/off mode of Impinj's parameters."""

    Disabled = 0
    Enabled = 1


class ImpinjInventorySearchType(IntEnum):
    """How a tag's session flag is used: decides how often one tag answers."""

    Reader_Selected = 0
    Single_Target = 1
    Dual_Target = 2
    Single_Target_With_Suppression = 3
    No_Target = 4
    Single_Target_BtoA = 5
    Dual_Target_with_BtoASelect = 6


class ImpinjFixedFrequencyMode(IntEnum):
    """Where the reader's frequencies come from."""

    Disabled = 0
    Auto_Select = 1
    Channel_List = 2


class ImpinjReportBufferMode(IntEnum):
    """Whether the reader gathers reports or sends each at once."""

    Normal = 0
    Low_Latency = 1


class ImpinjRequestedDataType(IntEnum):
    """What GET_READER_CAPABILITIES and GET_READER_CONFIG ask of the extensions."""

    All_Capabilities = 1000
    Impinj_Detailed_Version = 1001
    Impinj_Frequency_Capabilities = 1002
    Impinj_xArray_Capabilities = 1003
    Impinj_Antenna_Capabilities = 1004
    All_Configuration = 2000
    Impinj_Sub_Regulatory_Region = 2001
    Impinj_GPI_Debounce_Configuration = 2003
    Impinj_Reader_Temperature = 2004
    Impinj_Link_Monitor_Configuration = 2005
    Impinj_Report_Buffer_Configuration = 2006
    Impinj_Access_Spec_Configuration = 2007
    Impinj_GPS_NMEA_Sentences = 2008
    Impinj_Advanced_GPO_Configuration = 2009
    Impinj_Tilt_Configuration = 2010
    Impinj_Beacon_Configuration = 2011
    Impinj_Antenna_Configuration = 2012
    Impinj_Location_Configuration = 2013
    Impinj_Transition_Configuration = 2014
    Impinj_Hub_Configuration = 2015
    Impinj_PolarizationControl_Configuration = 2017
    Impinj_Direction_Configuration = 2018


class ImpinjHubConnectedType(IntEnum):
    """State of an antenna hub's link."""

    Unknown = 0
    Disconnected = 1
    Connected = 2


class ImpinjHubFaultType(IntEnum):
    """What is wrong with an antenna hub."""

    No_Fault = 0
    RF_Power = 1
    RF_Power_On_Hub_1 = 2
    RF_Power_On_Hub_2 = 3
    RF_Power_On_Hub_3 = 4
    RF_Power_On_Hub_4 = 5
    No_Init = 6
    Serial_Overflow = 7
    Disconnected = 8
