"""The attributes of the Basic Application Level Confidentiality Profile.

Source: DICOM PS3.15, Table E.1-1 (edition 2026c), column "Basic Prof.", by keyword. Private
elements, curves (50xx,xxxx), overlay data (60xx,3000) and overlay comments (60xx,4000), which the
table names by pattern, are dealt with in phi.py.
"""

from __future__ import annotations

KEYWORDS: dict[str, str] = {
    "D": """
        ContextGroupVersion ContextGroupLocalVersion ClinicalTrialSponsorName
        ClinicalTrialProtocolID ClinicalTrialSubjectID ClinicalTrialSubjectReadingID
        ClinicalTrialProtocolEthicsCommitteeName AcquisitionFieldOfViewLabel
        FrameAcquisitionDateTime FrameReferenceDateTime XRaySourceID SourceStartDateTime
        SourceEndDateTime XRayDetectorID FunctionalSyncPulse DecayCorrectionDateTime
        ExclusionStartDateTime FlowIdentifierSequence FlowIdentifier SourceIdentifier
        FrameOriginTimestamp ImpedanceMeasurementDateTime ContainerIdentifier SpecimenIdentifier
        PersonIdentificationCodeSequence VerifyingOrganization VerificationDateTime
        VerifyingObserverSequence VerifyingObserverName DateTime Date Time PersonName
        ReferencedDateTime ContentSequence EncapsulatedDocument AssertionDateTime EffectiveDateTime
        InformationIssueDateTime AnnotationGroupUID AnnotationGroupLabel GraphicAnnotationSequence
        UnformattedTextValue HangingProtocolCreationDateTime SelectorAEValue SelectorASValue
        SelectorDAValue SelectorDTValue SelectorOBValue SelectorLOValue SelectorLTValue
        SelectorPNValue SelectorTMValue SelectorSHValue SelectorUNValue SelectorSTValue
        SelectorUTValue SelectorURValue DigitalSignatureDateTime CertificateOfSigner
        AttributeModificationDateTime ModifyingSystem ReasonForTheAttributeModification
        DestinationAE StructureSetLabel TreatmentControlPointDate TreatmentControlPointTime
        SafePositionExitDate SafePositionExitTime SafePositionReturnDate SafePositionReturnTime
        RTPlanLabel SourceStrengthReferenceDate SourceStrengthReferenceTime
        TreatmentPositionGroupLabel RadiationDoseIdentificationLabel
        RadiationDoseInVivoMeasurementLabel RTToleranceSetLabel RadiationGenerationModeLabel
        TreatmentToleranceViolationDescription TreatmentToleranceViolationDateTime
        RecordedRTControlPointDateTime InterlockDateTime InterlockDescription OverrideDateTime
        InterlockOriginDescription BeamHoldTransitionDateTime DeviceLabel UserContentLabel
        UserContentLongLabel EntityLabel EntityLongLabel RTPrescriptionLabel
    """,
    "Z": """
        StudyDate StudyTime AccessionNumber ReferringPhysicianName ConsultingPhysicianName
        PatientName PatientBirthDate PatientSex ClinicalTrialProtocolName ClinicalTrialSiteID
        ClinicalTrialSiteName ClinicalTrialTimePointID ClinicalTrialCoordinatingCenterName
        CalibrationDateTime StudyID IssuerOfTheContainerIdentifierSequence
        IssuerOfTheSpecimenIdentifierSequence SpecimenPreparationSequence
        PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest
        ParticipationDateTime VerifyingObserverIdentificationCodeSequence SourceOfPreviousValues
        StructureSetDate StructureSetTime ROIName ROIInterpreter RTAccessoryHolderSlotID
        RTAccessoryDeviceSlotID RadiationGenerationModeDescription ReviewDate ReviewTime
        ConceptualVolumeCombinationDescription ConceptualVolumeDescription DeviceAlternateIdentifier
        ManufacturerDeviceIdentifier RTPhysicianIntentNarrative ReasonForSuperseding
        TreatmentTechniqueNotes PrescriptionNotes FractionationNotes PrescriptionNotesSequence
    """,
    "X": """
        AffectedSOPInstanceUID InstanceCoercionDateTime OverlayDate CurveDate OverlayTime CurveTime
        RetrieveAETitle StationAETitle InstitutionAddress ReferringPhysicianAddress
        ReferringPhysicianTelephoneNumbers ReferringPhysicianIdentificationSequence
        ConsultingPhysicianIdentificationSequence TimezoneOffsetFromUTC NetworkID StudyDescription
        SeriesDescription InstitutionalDepartmentName InstitutionalDepartmentTypeCodeSequence
        PhysiciansOfRecord PhysiciansOfRecordIdentificationSequence PerformingPhysicianName
        PerformingPhysicianIdentificationSequence NameOfPhysiciansReadingStudy
        PhysiciansReadingStudyIdentificationSequence AdmittingDiagnosesDescription
        AdmittingDiagnosesCodeSequence PyramidDescription ReferencedPatientSequence
        DerivationDescription IdentifyingComments IssuerOfPatientID PatientBirthTime
        PatientInsurancePlanCodeSequence PatientPrimaryLanguageCodeSequence
        PatientPrimaryLanguageModifierCodeSequence OtherPatientIDs OtherPatientNames
        OtherPatientIDsSequence PatientBirthName PatientAge PatientSize PatientWeight PatientAddress
        InsurancePlanIdentification PatientMotherBirthName MilitaryRank BranchOfService
        MedicalRecordLocator ReferencedPatientPhotoSequence MedicalAlerts Allergies
        CountryOfResidence RegionOfResidence PatientTelephoneNumbers PatientTelecomInformation
        EthnicGroup EthnicGroupCodeSequence Occupation SmokingStatus AdditionalPatientHistory
        PregnancyStatus LastMenstrualDate PatientReligiousPreference ResponsiblePerson
        ResponsibleOrganization PatientComments IssuerOfClinicalTrialProtocolID
        OtherClinicalTrialProtocolIDsSequence IssuerOfClinicalTrialSiteID
        IssuerOfClinicalTrialSubjectID IssuerOfClinicalTrialSubjectReadingID
        ClinicalTrialTimePointDescription IssuerOfClinicalTrialTimePointID ClinicalTrialSeriesID
        ClinicalTrialSeriesDescription IssuerOfClinicalTrialSeriesID
        ClinicalTrialProtocolEthicsCommitteeApprovalNumber
        EthicsCommitteeApprovalEffectivenessStartDate EthicsCommitteeApprovalEffectivenessEndDate
        CalibrationTime CalibrationDate MakerNote DeviceSettingDescription CameraOwnerName
        LensSpecification LensMake LensModel LensSerialNumber GPSVersionID GPSLatitudeRef
        GPSLatitude GPSLongitudeRef GPSLongitude GPSAltitudeRef GPSAltitude GPSTimeStamp
        GPSSatellites GPSStatus GPSMeasureMode GPSDOP GPSSpeedRef GPSSpeed GPSTrackRef GPSTrack
        GPSImgDirectionRef GPSImgDirection GPSMapDatum GPSDestLatitudeRef GPSDestLatitude
        GPSDestLongitudeRef GPSDestLongitude GPSDestBearingRef GPSDestBearing GPSDestDistanceRef
        GPSDestDistance GPSProcessingMethod GPSAreaInformation GPSDateStamp GPSDifferential
        InterventionDrugStopTime InterventionDrugStartTime PlateID GeneratorID CassetteID GantryID
        UniqueDeviceIdentifier UDISequence SecondaryCaptureDeviceID HardcopyCreationDeviceID
        DateOfSecondaryCapture TimeOfSecondaryCapture ContrastBolusStartTime ContrastBolusStopTime
        RadiopharmaceuticalStartTime RadiopharmaceuticalStopTime RadiopharmaceuticalStartDateTime
        RadiopharmaceuticalStopDateTime DateOfLastCalibration TimeOfLastCalibration
        DateTimeOfLastCalibration DateOfManufacture DateOfInstallation AcquisitionComments
        TransducerIdentificationSequence RespiratoryMotionCompensationTechniqueDescription
        XRayDetectorLabel MultienergyAcquisitionDescription DecompositionDescription
        AcquisitionProtocolDescription RequestedSeriesDescription ContributionDateTime
        ContributionDescription PyramidLabel ModifyingDeviceID ModifiedImageDate ModifiedImageTime
        ModifiedImageDescription ImageComments FrameComments ImagePresentationComments StudyIDIssuer
        StudyVerifiedDate StudyVerifiedTime StudyReadDate StudyReadTime ScheduledStudyStartDate
        ScheduledStudyStartTime ScheduledStudyStopDate ScheduledStudyStopTime ScheduledStudyLocation
        ScheduledStudyLocationAETitle ReasonForStudy RequestingPhysician RequestingService
        StudyArrivalDate StudyArrivalTime StudyCompletionDate StudyCompletionTime ReasonForVisit
        ReasonForVisitCodeSequence RequestedContrastAgent StudyComments
        ReferencedPatientAliasSequence AdmissionID IssuerOfAdmissionID IssuerOfAdmissionIDSequence
        ScheduledAdmissionDate ScheduledAdmissionTime ScheduledDischargeDate ScheduledDischargeTime
        ScheduledPatientInstitutionResidence AdmittingDate AdmittingTime DischargeDate DischargeTime
        DischargeDiagnosisDescription SpecialNeeds ServiceEpisodeID IssuerOfServiceEpisodeID
        ServiceEpisodeDescription IssuerOfServiceEpisodeIDSequence CurrentPatientLocation
        PatientInstitutionResidence PatientState VisitComments MultiplexGroupLabel ChannelLabel
        ChannelDerivationDescription WaveformFilterDescription FilterLookupTableDescription
        ScheduledStationAETitle ScheduledProcedureStepStartDate ScheduledProcedureStepStartTime
        ScheduledProcedureStepEndDate ScheduledProcedureStepEndTime ScheduledPerformingPhysicianName
        ScheduledProcedureStepDescription ScheduledProcedureStepID
        ScheduledPerformingPhysicianIdentificationSequence ScheduledStationName
        ScheduledProcedureStepLocation PreMedication PerformedStationAETitle PerformedStationName
        PerformedLocation PerformedProcedureStepStartDate PerformedProcedureStepStartTime
        PerformedProcedureStepEndDate PerformedProcedureStepEndTime PerformedProcedureStepID
        PerformedProcedureStepDescription RequestAttributesSequence
        CommentsOnThePerformedProcedureStep CommentsOnRadiationDose SpecimenAccessionNumber
        ContainerDescription AcquisitionContextDescription SpecimenShortDescription
        SpecimenDetailedDescription SlideIdentifier RequestedProcedureID
        ReasonForTheRequestedProcedure PatientTransportArrangements RequestedProcedureLocation
        ReasonForRequestedProcedureCodeSequence NamesOfIntendedRecipientsOfResults
        IntendedRecipientsOfResultsIdentificationSequence PersonAddress PersonTelephoneNumbers
        PersonTelecomInformation RequestedProcedureComments ReasonForTheImagingServiceRequest
        IssueDateOfImagingServiceRequest IssueTimeOfImagingServiceRequest OrderEnteredBy
        OrderEntererLocation OrderCallbackPhoneNumber OrderCallbackTelecomInformation
        ImagingServiceRequestComments ConfidentialityConstraintOnPatientDataDescription
        ScheduledProcedureStepStartDateTime ScheduledProcedureStepExpirationDateTime
        ScheduledProcedureStepModificationDateTime ExpectedCompletionDateTime
        ScheduledStationNameCodeSequence ScheduledStationGeographicLocationCodeSequence
        PerformedStationNameCodeSequence PerformedStationGeographicLocationCodeSequence
        ScheduledHumanPerformersSequence ActualHumanPerformersSequence HumanPerformerOrganization
        HumanPerformerName PerformedProcedureStepStartDateTime PerformedProcedureStepEndDateTime
        ProcedureStepCancellationDateTime FindingsGroupRecordingDateTrial
        FindingsGroupRecordingTimeTrial ObservationStartDateTime AuthorObserverSequence
        ParticipantSequence CustodialOrganizationSequence DateOfDocumentOrVerbalTransactionTrial
        TimeOfDocumentCreationOrVerbalTransactionTrial ObservationDateTrial ObservationTimeTrial
        CurrentObserverTrial VerbalSourceTrial AddressTrial TelephoneNumberTrial
        VerbalSourceIdentifierCodeSequenceTrial TemplateVersion TemplateLocalVersion
        HL7DocumentEffectiveTime ApprovalStatusDateTime ProductExpirationDateTime
        SubstanceAdministrationDateTime AssertionExpirationDateTime ContainerComponentID
        DeviceDescription LongDeviceDescription AnnotationGroupDescription PresentationCreationDate
        PresentationCreationTime ContentCreatorIdentificationCodeSequence ReceivingAE RequestingAE
        IconImageSequence TopicTitle TopicSubject TopicAuthor TopicKeywords SOPAuthorizationDateTime
        CertifiedTimestamp ReferencedDigitalSignatureSequence ReferencedSOPInstanceMACSequence MAC
        ModifiedAttributesSequence NonconformingModifiedAttributesSequence
        NonconformingDataElementValue OriginalAttributesSequence InstanceOriginStatus TextString
        CreationDate CreationTime Originator PositionAcquisitionTemplateName
        PositionAcquisitionTemplateDescription StructureSetName StructureSetDescription
        ROIDescription ROIDateTime ROIObservationDateTime ROIGenerationDescription
        ROICreatorSequence ROIInterpreterSequence ROIObservationLabel ROIObservationDescription
        RTPlanName RTPlanDescription TreatmentSites PrescriptionDescription DoseReferenceDescription
        FractionGroupDescription BeamDescription BolusDescription FixationDeviceDescription
        ShieldingDeviceDescription SetupTechniqueDescription SourceManufacturer
        CompensatorDescription EquipmentFrameOfReferenceDescription
        PatientTreatmentPreparationProcedureParameterDescription
        PatientTreatmentPreparationMethodDescription PatientSetupPhotoDescription
        DisplacementReferenceLabel ReasonForOmissionDescription EntityName EntityDescription
        PriorTreatmentDoseDescription IntendedFractionStartTime Arbitrary TextComments ResultsID
        ResultsIDIssuer InterpretationRecordedDate InterpretationRecordedTime InterpretationRecorder
        InterpretationTranscriptionDate InterpretationTranscriptionTime InterpretationTranscriber
        InterpretationText InterpretationAuthor InterpretationApproverSequence
        InterpretationApprovalDate InterpretationApprovalTime PhysicianApprovingInterpretation
        InterpretationDiagnosisDescription ResultsDistributionListSequence DistributionName
        DistributionAddress InterpretationID InterpretationIDIssuer Impressions ResultsComments
        DigitalSignaturesSequence DataSetTrailingPadding
    """,
    "U": """
        RequestedSOPInstanceUID MediaStorageSOPInstanceUID ReferencedSOPInstanceUIDInFile
        InstanceCreatorUID AcquisitionUID SOPInstanceUID PyramidUID FailedSOPInstanceUIDList
        ReferencedSOPInstanceUID TransactionUID IrradiationEventUID DeviceUID
        ManufacturerDeviceClassUID TargetUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID
        SynchronizationFrameOfReferenceUID ConcatenationUID DimensionOrganizationUID
        PaletteColorLookupTableUID LargePaletteColorLookupTableUID MultiplexGroupUID SpecimenUID
        ReferencedGeneralPurposeScheduledProcedureStepTransactionUID UID ObservationUID
        ReferencedObservationUIDTrial ObservationSubjectUIDTrial TemplateExtensionOrganizationUID
        TemplateExtensionCreatorUID TrackingUID SourceFrameOfReferenceUID FiducialUID
        PresentationDisplayCollectionUID PresentationSequenceCollectionUID StorageMediaFileSetUID
        DigitalSignatureUID ReferencedFrameOfReferenceUID RelatedFrameOfReferenceUID
        DoseReferenceUID TableTopPositionAlignmentUID ReferencedDoseReferenceUID
        TreatmentPositionGroupUID PatientSetupUID TreatmentSessionUID
        ReferencedTreatmentPositionGroupUID ConceptualVolumeUID ReferencedConceptualVolumeUID
        ConstituentConceptualVolumeUID SourceConceptualVolumeUID ReferencedFiducialsUID
        RTTreatmentPhaseUID DosimetricObjectiveUID ReferencedDosimetricObjectiveUID
    """,
    "Z/D": """
        ContentDate ContentTime PatientID ContrastBolusAgent InstructionPerformedDateTime
        ContentCreatorName
    """,
    "X/Z": """
        AcquisitionDate AcquisitionTime ReferencedStudySequence PatientSexNeutered
        RequestedProcedureDescription AcquisitionContextSequence LabelText BarcodeValue
        SourceSerialNumber TreatmentMachineName ReviewerName
    """,
    "X/D": """
        InstanceCreationDate SeriesDate SeriesTime OperatorIdentificationSequence ProtocolName
        AcquisitionDeviceProcessingDescription DetectorID DateOfLastDetectorCalibration
        TimeOfLastDetectorCalibration StartAcquisitionDateTime EndAcquisitionDateTime
        ObservationDateTime WaveformAnnotationSequence FirstTreatmentDate MostRecentTreatmentDate
        TreatmentDate TreatmentTime RTPlanDate RTPlanTime IntendedPhaseStartDate
        IntendedPhaseEndDate RTTreatmentApproachLabel TreatmentSite
    """,
    "X/Z/D": """
        InstanceCreationTime AcquisitionDateTime InstitutionName InstitutionCodeSequence StationName
        OperatorsName ReferencedPerformedProcedureStepSequence DeviceSerialNumber
    """,
    "X/Z/U*": """
        ReferencedImageSequence SourceImageSequence
    """,
}
"""Keywords by action code: D dummy, Z empty, X remove, U new UID, and alternatives of these."""

NEWER: dict[int, str] = {
    0x00081301: "X",  # Principal Diagnosis Code Sequence
    0x00081302: "X",  # Primary Diagnosis Code Sequence
    0x00081303: "X",  # Secondary Diagnoses Code Sequence
    0x00081304: "X",  # Histological Diagnoses Code Sequence
    0x00100011: "X",  # Person Names to Use Sequence
    0x00100012: "X",  # Name to Use
    0x00100013: "X",  # Name to Use Comment
    0x00100014: "X",  # Third Person Pronouns Sequence
    0x00100015: "X",  # Pronoun Code Sequence
    0x00100016: "X",  # Pronoun Comment
    0x00100041: "X",  # Gender Identity Sequence
    0x00100042: "X",  # Sex Parameters for Clinical Use Category Comment
    0x00100043: "X",  # Sex Parameters for Clinical Use Category Sequence
    0x00100044: "X",  # Gender Identity Code Sequence
    0x00100045: "X",  # Gender Identity Comment
    0x00100046: "X",  # Sex Parameters for Clinical Use Category Code Sequence
    0x00100047: "X",  # Sex Parameters for Clinical Use Category Reference
    0x00102162: "X",  # Ethnic Groups
    0x0040A034: "X",  # Effective Start DateTime
    0x0040A035: "X",  # Effective Stop DateTime
    0x0040B034: "X",  # Annotation DateTime
    0x0040B036: "X",  # Segment Definition DateTime
    0x0040B03B: "X",  # Montage Name
    0x0040B03F: "X",  # Montage Channel Label
    0x0040E012: "X",  # Display URI
}
"""Attributes younger than pydicom's dictionary, with their action codes."""
