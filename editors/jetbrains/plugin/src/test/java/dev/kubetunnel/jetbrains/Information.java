package dev.kubetunnel.jetbrains;

import com.intellij.openapi.application.ApplicationInfo;
import com.intellij.openapi.util.BuildNumber;
import java.awt.Rectangle;
import java.util.Calendar;

/** What the IDE says of itself. */
public final class Information extends ApplicationInfo {
    @Override
    public Calendar getBuildDate() {
        return Calendar.getInstance();
    }

    @Override
    public BuildNumber getBuild() {
        return BuildNumber.fromString("IC-183.5153");
    }

    @Override
    public String getApiVersion() {
        return "IC-183.5153";
    }

    @Override
    public String getMajorVersion() {
        return "2018";
    }

    @Override
    public String getMinorVersion() {
        return "3";
    }

    @Override
    public String getMicroVersion() {
        return "";
    }

    @Override
    public String getPatchVersion() {
        return "";
    }

    @Override
    public String getVersionName() {
        return "Headless";
    }

    @Override
    public String getHelpURL() {
        return null;
    }

    @Override
    public String getCompanyName() {
        return "";
    }

    @Override
    public String getShortCompanyName() {
        return "";
    }

    @Override
    public String getCompanyURL() {
        return null;
    }

    @Override
    public String getJetbrainsTvUrl() {
        return null;
    }

    @Override
    public String getEvalLicenseUrl() {
        return null;
    }

    @Override
    public String getKeyConversionUrl() {
        return null;
    }

    @Override
    public Rectangle getAboutLogoRect() {
        return null;
    }

    @Override
    public boolean hasHelp() {
        return false;
    }

    @Override
    public boolean hasContextHelp() {
        return false;
    }

    @Override
    public String getFullVersion() {
        return "2018.3";
    }

    @Override
    public String getStrictVersion() {
        return "2018.3.0.0";
    }
}
